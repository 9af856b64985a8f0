// The real kubectl against a server of this process, as users who are known by tokens.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpServer } from '#lib/http/server.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { httpHandler } from '#server/http.ts'
import { ensureKubectl } from '../../tools/kubectl.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'

const audience = 'https://kubernetes.default.svc.cluster.local'
const users = 'root,root,1,"system:masters"\njane,jane,2\n'

export interface KubectlFixture extends AsyncDisposable {
  readonly fixture: ServerFixture
  /** A folder for files; it goes with the fixture. */
  readonly folder: string
  /** What kubectl prints, errors too; `root` may do everything, `jane` what anybody may. */
  say(user: string, words: string): Promise<string>
  /** Writes a file of JSON into the folder; returns its path. */
  file(name: string, content: object): string
  /** A kubectl that runs until it is killed. */
  start(user: string, words: string): ChildProcess
}

/** Starts a server with the bootstrap roles behind TLS: kubectl sends tokens over nothing else. */
export async function startForKubectl(): Promise<KubectlFixture> {
  const kubectl = await ensureKubectl((line) => console.log(line))
  const fixture = await startServer({ roles: true, tokenAuthenticators: [staticTokens(users, [audience])] })
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
  const http = new HttpServer({ handler: httpHandler(fixture.server), tls })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-kubectl-'))
  const where = ['--kubeconfig', '/dev/null', '--cache-dir', folder, '--insecure-skip-tls-verify']
  const server = ['--server', `https://127.0.0.1:${port}`]
  const line = (user: string, words: string): string[] => [...where, ...server, '--token', user, ...words.split(' ')]
  return {
    fixture,
    folder,
    file(name, content) {
      const path = join(folder, name)
      writeFileSync(path, JSON.stringify(content))
      return path
    },
    say: (user, words) =>
      new Promise((resolve) => {
        execFile(kubectl.path, line(user, words), (_error, stdout, stderr) =>
          resolve((stdout + stderr).replace(/[ \t]+$/gm, '').trim()),
        )
      }),
    start: (user, words) => spawn(kubectl.path, line(user, words), { stdio: ['ignore', 'pipe', 'inherit'] }),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true })
      await http.close(AbortSignal.abort())
      await fixture[Symbol.asyncDispose]()
    },
  }
}
