// The API server on a store in a directory, with the garbage collector, as a process of its own: `operatorServer.ts FOLDER PORT`.
// FOLDER holds the certificates; the store comes into being in it. Says `ready` and ends on SIGTERM.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Causes } from '#client/causes.ts'
import { clientOver } from '#client/client.ts'
import { controllerComponent } from '#client/controller.ts'
import { eventWriter } from '#client/events.ts'
import { sharedInformers } from '#client/informers.ts'
import { garbageCollector } from '#controllers/garbageCollector/controller.ts'
import { makeControllers, permissionsOf } from '#controllers/makeControllers.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents, type Component } from '#lib/component.ts'
import { HttpServer } from '#lib/http/server.ts'
import { generateKey } from '#lib/pki/certificate.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { systemRandom } from '#lib/random.ts'
import { allStrategies } from '#resources/index.ts'
import { bootstrapPolicy } from '#server/authorize/bootstrap/policy.ts'
import { httpHandler } from '#server/http.ts'
import { componentCaller, controllerCaller } from '#server/identities.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { createApiServer } from '#server/server.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import { controllerMetrics } from '#controllers/metrics.ts'
import { MetricRegistry } from '#lib/metrics.ts'

const [folder, port] = process.argv.slice(2) as [string, string]
const pem = (name: string): string => readFileSync(join(folder, name), 'utf8')
const report = (problem: string, error: unknown): void => console.error(problem, error)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())

await using store = await openSqliteStore({ directory: join(folder, 'store') })
const clock = systemClock
const random = systemRandom
const { privateKey, publicKey } = generateKey()
const server = createApiServer({
  store,
  strategies: allStrategies({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] }),
  clock,
  random,
  newUid: randomUUID,
  tokens: {
    signer: new TokenSigner(privateKey),
    verifier: new TokenVerifier({ keys: [publicKey], issuers: ['test'] }),
    issuer: 'test',
    audiences: ['test'],
  },
  nodes: () => ({
    request: () => Promise.reject(new Error('There are no nodes')),
    upgrade: () => Promise.reject(new Error('There are no nodes')),
  }),
  serverAddress: `127.0.0.1:${port}`,
  policy: () => bootstrapPolicy(permissionsOf(controllers)),
  onBug: (error, request) => report(`A bug in ${request}`, error),
})
const client = clientOver(inProcessTransport(server, componentCaller('system:kube-controller-manager')))
const shared = { client, clock, random, report }
const informers = sharedInformers(shared)
const events = eventWriter(shared)
const context = {
  ...shared,
  informers,
  events,
  causes: new Causes(clock),
  metrics: controllerMetrics(new MetricRegistry()),
}
const config = { rootCertificate: pem('ca.crt'), podCidrs: [], signSecretToken: server.signSecretToken }
const controllers = makeControllers([garbageCollector], { ...context, config }, (account) =>
  clientOver(inProcessTransport(server, controllerCaller(account))),
)

const components: readonly Component[] = [
  {
    name: 'server',
    async run(ready, signal) {
      const tls = { certificate: pem('server.crt'), key: pem('server.key'), clientAuthority: pem('ca.crt') }
      const http = new HttpServer({ handler: httpHandler(server), tls })
      const listen = async (): Promise<void> => {
        await http.listen({ host: '127.0.0.1', port: Number(port) })
        process.stdout.write('ready\n')
        ready()
      }
      await server.run(() => void listen(), signal)
      await http.close(AbortSignal.timeout(5_000))
    },
  },
  {
    name: 'informers',
    needs: ['server'],
    run: (ready, signal) => {
      ready()
      return informers.run(signal)
    },
  },
  ...controllers.map((each) => controllerComponent(each, { clock, report, needs: ['informers'] })),
]
await runComponents(components, stop.signal)
