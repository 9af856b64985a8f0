// The real kubectl against a server of this process, as users who are known by tokens.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { ensureKubectl, type Kubectl } from '../../tools/kubectl.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { listenSecurely, testAudience, testUsers } from './secureServer.ts'

export interface KubectlFixture extends AsyncDisposable {
  readonly fixture: ServerFixture
  /** A folder for files; it goes with the fixture. */
  readonly folder: string
  /** What kubectl prints, errors too, when it reads `input`; `root` may do everything, `jane` what anybody may. */
  say(user: string, words: string, input?: string): Promise<string>
  /** Writes a file of JSON into the folder; returns its path. */
  file(name: string, content: object): string
  /** A kubectl that runs until it is killed. */
  start(user: string, words: string): ChildProcess
}

/** Starts a server with the bootstrap roles. */
export async function startForKubectl(
  options: { readonly kubectl?: Kubectl } & Pick<
    NonNullable<Parameters<typeof startServer>[0]>,
    'nodes' | 'metrics' | 'controlPlane' | 'policy'
  > = {},
): Promise<KubectlFixture> {
  const { kubectl: given, ...rest } = options
  const kubectl = given ?? (await ensureKubectl((line) => console.log(line)))
  const stack = new AsyncDisposableStack()
  const tokens = staticTokens(testUsers, [testAudience])
  const fixture = stack.use(await startServer({ roles: true, tokenAuthenticators: [tokens], ...rest }))
  const { port } = stack.use(await listenSecurely(fixture.server))
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-kubectl-'))
  stack.defer(() => rmSync(folder, { recursive: true }))
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
    say: (user, words, input = '') =>
      new Promise((resolve) => {
        const child = execFile(kubectl.path, line(user, words), (_error, stdout, stderr) =>
          resolve((stdout + stderr).replace(/[ \t]+$/gm, '').trim()),
        )
        child.stdin!.end(input)
      }),
    start: (user, words) => spawn(kubectl.path, line(user, words), { stdio: ['ignore', 'pipe', 'inherit'] }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
