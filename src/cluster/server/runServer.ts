import { networkInterfaces } from 'node:os'
import { clientOver } from '#client/client.ts'
import type { Transport } from '#client/transport.ts'
import { bootstrapComponent } from '#cluster/bootstrapObjects.ts'
import { issueAdministrator } from '#cluster/certificates.ts'
import type { Surroundings } from '#cluster/commands/command.ts'
import { writeKubeconfig } from '#cluster/kubeconfig.ts'
import { servingComponent } from '#cluster/serving.ts'
import { untilAborted } from '#lib/async/abort.ts'
import { runComponents, type Component } from '#lib/component.ts'
import type { Clock } from '#lib/clock.ts'
import { messageOf, stackOf } from '#lib/errorText.ts'
import { createLogger, stderrSink, type Logger } from '#lib/log.ts'
import type { TlsIdentity } from '#lib/http/server.ts'
import { isLoopback, isUnspecified, parseIp, urlHost } from '#lib/net/ip.ts'
import { componentCaller, managerOf } from '#server/identities.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { simulatedServerAddress } from '#simulation/simulatedNodeSpecs.ts'
import { assembleServer, type AssembledServer } from './assembleServer.ts'
import { fileReader, identityFiles, readIdentity } from './credentials.ts'
import { identityFollower } from './identityFollower.ts'
import type { ServerSettings } from './settings.ts'

/** Runs an API server until it is told to end. Prints where it listens once it is ready. */
export async function runServer(surroundings: Surroundings, settings: ServerSettings): Promise<void> {
  const { clock, signal, print, host } = surroundings
  const log = createLogger({ clock, sinks: [stderrSink()] })
  const address = advertisedAddress(settings)
  const assembled = await assembleServer(surroundings, settings, address, log.child('api-server'))
  const { server, store, credentials, audit } = assembled
  const onMachine = isUnspecified(parseIp(settings.listen.address)!) ? '127.0.0.1' : settings.listen.address
  let port = settings.listen.port
  let setIdentity: (tls: TlsIdentity) => void = () => {}
  const kubeconfig = settings.administratorKubeconfig
  const components: readonly Component[] = [
    // First, for what starts first stops last.
    ...(audit === undefined ? [] : [audit.component]),
    {
      name: 'store',
      async run(ready, stopping) {
        ready()
        await untilAborted(stopping)
        await store[Symbol.asyncDispose]()
      },
    },
    servingComponent({
      server,
      tls: credentials.tls,
      host: settings.listen.address,
      port,
      log: log.child('api-server'),
      drain: settings.requests.timeout,
      advice: 'listen.port: 0 takes any that is free',
      onListening(at, set) {
        port = at
        setIdentity = set
      },
    }),
    ...(identityFiles(settings).length === 0
      ? []
      : [
          identityFollower({
            first: { tls: credentials.tls, trust: credentials.trust },
            read: () => readIdentity(settings, credentials.made, fileReader(surroundings)),
            apply({ tls, trust }) {
              setIdentity(tls)
              if (trust !== undefined) server.changeTrust(trust)
            },
            clock,
            log: log.child('api-server'),
          }),
        ]),
    bootstrapObjects(assembled, settings, address, () => port, { clock, log: log.child('api-server') }),
    {
      name: 'announcement',
      needs: ['bootstrap-objects'],
      async run(ready, stopping) {
        const at = { address: onMachine, port }
        if (kubeconfig !== undefined) {
          const administrator = issueAdministrator(credentials.made!.signer, clock.now())
          await writeKubeconfig(host.files, kubeconfig, 'k8ts', at, servingAuthority(assembled), administrator)
        }
        print(`Ready at https://${urlHost(onMachine)}:${port}`)
        ready()
        await untilAborted(stopping)
      },
    },
  ]
  process.on('uncaughtException', (error) =>
    log.error('A bug: an error that nobody caught', { error: error.stack ?? String(error) }),
  )
  process.on('unhandledRejection', (reason) =>
    log.error('A bug: a rejection that nobody caught', { error: stackOf(reason) }),
  )
  await runComponents(components, signal, (name, event) => log.child(name).info(`${name} ${event}`))
}

/** Whoever checks the server's certificate needs its authority; a certificate from outside is its own witness. */
function servingAuthority({ credentials: { made, tls } }: AssembledServer): string {
  return made !== undefined && made.apiServer.certificate === tls.certificate ? made.authority : tls.certificate
}

/** What every cluster begins with; made once it is known where the server listens. */
function bootstrapObjects(
  { server }: AssembledServer,
  { services }: ServerSettings,
  address: string,
  port: () => number,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Component {
  const user = 'system:apiserver'
  const transport = inProcessTransport(server, componentCaller(user)) as Transport
  const client = clientOver(transport, { fieldManager: managerOf(user) })
  const config = { serviceRange: services.addresses }
  return {
    name: 'bootstrap-objects',
    needs: ['api-server'],
    run: (ready, signal) =>
      bootstrapComponent({
        client,
        clock,
        report: (problem, error) => log.warn(problem, { error: messageOf(error) }),
        config,
        server: { address, port: port() },
      }).run(ready, signal),
  }
}

/** Where others reach the server. Loopback addresses may not stand in Endpoints. */
function advertisedAddress({ listen: { address, advertiseAddress } }: ServerSettings): string {
  if (advertiseAddress !== undefined) return advertiseAddress
  const ip = parseIp(address)!
  if (!isUnspecified(ip)) return isLoopback(ip) ? simulatedServerAddress : address
  const own = Object.values(networkInterfaces()).flatMap((each = []) => each)
  return own.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? simulatedServerAddress
}
