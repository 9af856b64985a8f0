// What the real kubectl makes of roles: questions about permissions, reconciliation, descriptions.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { HttpServer } from '#lib/http/server.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { httpHandler } from '#server/http.ts'
import type { ApiServer } from '#server/server.ts'
import { ensureKubectl } from '../../tools/kubectl.ts'
import { startServer } from './apiServerFixture.ts'

const audience = 'https://kubernetes.default.svc.cluster.local'
const users = 'root,root,1,"system:masters"\njane,jane,2\n'

/** The server behind TLS: kubectl sends tokens over nothing else. */
async function listenSecurely(server: ApiServer): Promise<AsyncDisposable & { readonly url: string }> {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const { publicKey, privateKey } = generateKey()
  const certificate = issueCertificate(createAuthority({ commonName: 'test' }, validity), {
    subject: { commonName: 'localhost' },
    publicKey,
    extendedUsages: ['serverAuth'],
    addresses: ['127.0.0.1'],
    ...validity,
  })
  const tls = { certificate: certificatePem(certificate), key: privateKeyPem(privateKey) }
  const http = new HttpServer({ handler: httpHandler(server), tls })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  return { url: `https://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => http.close(AbortSignal.abort()) }
}

const more = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: default }
rules: [{ apiGroups: [""], resources: [pods], verbs: [watch] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: readers, namespace: default }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: User, name: joe, apiGroup: rbac.authorization.k8s.io }]
`

test('kubectl asks, makes, reconciles and describes', async () => {
  const kubectl = await ensureKubectl((line) => console.log(line))
  await using fixture = await startServer({ roles: true, tokenAuthenticators: [staticTokens(users, [audience])] })
  await using http = await listenSecurely(fixture.server)
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-kubectl-'))
  const file = join(folder, 'more.yaml')
  writeFileSync(file, more)
  const say = (user: string, words: string): Promise<string> =>
    new Promise((resolve) => {
      const where = ['--kubeconfig', '/dev/null', '--cache-dir', folder, '--insecure-skip-tls-verify']
      const who = ['--server', http.url, '--token', user]
      execFile(kubectl.path, [...where, ...who, ...words.split(' ')], (_error, stdout, stderr) =>
        resolve((stdout + stderr).replace(/[ \t]+$/gm, '').trim()),
      )
    })
  const rows: [string, string, string | RegExp][] = [
    ['jane', 'auth can-i create pods', 'no'],
    ['jane', 'auth can-i get /healthz', 'yes'],
    ['jane', 'auth can-i --list', /^selfsubjectaccessreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]$/m],
    ['root', 'create role reader --verb=get,list --resource=pods', 'role.rbac.authorization.k8s.io/reader created'],
    [
      'root',
      'create rolebinding readers --role=reader --user=jane',
      'rolebinding.rbac.authorization.k8s.io/readers created',
    ],
    ['jane', 'auth can-i list pods', 'yes'],
    ['jane', 'auth can-i get pods --subresource=log', 'no'],
    ['jane', 'auth can-i list pods -n kube-system', 'no'],
    ['root', 'auth can-i list pods --as jane', 'yes'],
    ['root', 'auth can-i * * --as joe --as-group system:masters', 'yes'],
    [
      'jane',
      'auth can-i list pods --as joe',
      'Error from server (Forbidden): users "joe" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
    ],
    [
      'jane',
      'get secrets',
      'Error from server (Forbidden): secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "default"',
    ],
    ['root', 'get rolebindings -o wide', /^readers +Role\/reader +\S+ +jane$/m],
    [
      'root',
      `auth reconcile -f ${file}`,
      /missing rules added:\n\s+\{Verbs:\[watch\] APIGroups:\[\] Resources:\[pods\] ResourceNames:\[\] NonResourceURLs:\[\]\}[^]*missing subjects added:\n\s+\{Kind:User APIGroup:rbac\.authorization\.k8s\.io Name:joe Namespace:\}/,
    ],
    ['root', 'get role reader -o jsonpath={.rules[*].verbs}', '["get","list"] ["watch"]'],
    ['root', 'get rolebinding readers -o jsonpath={.subjects[*].name}', 'jane joe'],
    [
      'root',
      'describe clusterrole system:auth-delegator',
      /^ {2}tokenreviews\.authentication\.k8s\.io +\[\] +\[\] +\[create\]$/m,
    ],
  ]
  try {
    for (const [user, words, expected] of rows) {
      const said = await say(user, words)
      if (typeof expected === 'string') assert.equal(said, expected, words)
      else assert.match(said, expected, words)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
