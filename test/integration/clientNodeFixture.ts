// A server behind TLS for the official JavaScript client, which finds it by a kubeconfig file. Between them stands a
// relay that can cut connections as a bad network does.
import { KubeConfig } from '@kubernetes/client-node'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SimulatedClock } from '#lib/clock.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import type { NodeConnector } from '#server/nodeProxy.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { startRelay } from './relay.ts'
import { listenSecurely, testAudience, testUsers } from './secureServer.ts'

export interface ClientNodeFixture extends AsyncDisposable {
  readonly fixture: ServerFixture
  /** A folder for files; it goes with the fixture. */
  readonly folder: string
  /**
   * What the client knows after it has read the kubeconfig file, as `root` or `jane`, or as `certified`, who may do
   * everything and shows a certificate instead of a token.
   */
  config(user?: 'root' | 'jane' | 'certified'): KubeConfig
  /** Cuts all connections that are open now. */
  cut(): void
}

export async function startForClientNode(
  options: { readonly nodes?: NodeConnector; readonly clock?: SimulatedClock; readonly windowEvents?: number } = {},
): Promise<ClientNodeFixture> {
  const stack = new AsyncDisposableStack()
  const tokens = staticTokens(testUsers, [testAudience])
  const fixture = stack.use(await startServer({ ...options, roles: true, tokenAuthenticators: [tokens] }))
  const secure = stack.use(await listenSecurely(fixture.server))
  const relay = stack.use(await startRelay(secure.port))
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-client-'))
  stack.defer(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'config')
  writeFileSync(join(folder, 'ca.crt'), secure.authority)
  const { certificate, key } = secure.certify('certified', ['system:masters'])
  writeFileSync(file, kubeconfig(relay.port, base64(certificate), base64(key)))
  return {
    fixture,
    folder,
    config(user = 'root') {
      const config = new KubeConfig()
      config.loadFromFile(file)
      config.setCurrentContext(user)
      return config
    },
    cut: relay.cut,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const kubeconfig = (port: number, certificate: string, key: string): string => `apiVersion: v1
kind: Config
clusters:
- name: test
  cluster:
    server: https://127.0.0.1:${port}
    certificate-authority: ca.crt
users:
- name: root
  user: {token: root}
- name: jane
  user: {token: jane}
- name: certified
  user: {client-certificate-data: ${certificate}, client-key-data: ${key}}
contexts:
- name: root
  context: {cluster: test, user: root, namespace: default}
- name: jane
  context: {cluster: test, user: jane}
- name: certified
  context: {cluster: test, user: certified}
current-context: jane
`
