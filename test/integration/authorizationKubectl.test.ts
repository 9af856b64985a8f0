// What the real kubectl makes of roles: questions about permissions, reconciliation, descriptions.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startForKubectl } from './kubectlFixture.ts'

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
  await using kubectl = await startForKubectl()
  const file = join(kubectl.folder, 'more.yaml')
  writeFileSync(file, more)
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
  for (const [user, words, expected] of rows) {
    const said = await kubectl.say(user, words)
    if (typeof expected === 'string') assert.equal(said, expected, words)
    else assert.match(said, expected, words)
  }
})
