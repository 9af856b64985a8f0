import { services } from '#api/core/v1/service.ts'
import { UsageError, type Command } from './command.ts'
import { existingCluster } from './names.ts'
import { clusterPaths } from '#cluster/record.ts'
import type { Client } from '#client/client.ts'
import { connect } from '#client/connect.ts'
import { canonicalIp, ipBytes } from '#lib/net/ip.ts'
import { endpointOf, explainConnection, type Endpoint } from '#networkPolicy/explain.ts'
import type { Target } from '#networkPolicy/decision.ts'
import type { Address, ClusterFacts } from '#networkPolicy/facts.ts'
import { readClusterFacts } from '#networkPolicy/read.ts'
import { transports } from '#networkPolicy/policy.ts'

interface Flags {
  readonly from: string
  readonly to: string
  readonly port?: string
  readonly output?: string
}

/** `k8ts why connection [NAME] --from POD --to POD --port 80/TCP`: which policy lets it through or drops it; exit code 1 when dropped. */
export const why: Command = {
  define(program, run) {
    program
      .command('why')
      .description('explain what a cluster does')
      .command('connection')
      .description('say which network policies let a connection through or drop it')
      .argument('[name]', 'the cluster (k8ts)')
      .requiredOption('--from <end>', 'who connects: NAMESPACE/POD, node/NAME or an address')
      .requiredOption('--to <end>', 'to whom: NAMESPACE/POD, node/NAME or an address')
      .option(
        '--port <port>',
        'the port of the pod, such as 80, 80/TCP or 53/UDP; absent for traffic without, such as ICMP',
      )
      .option('-o, --output <format>', '"json" for programs')
      .action((given: string | undefined, flags: Flags) =>
        run(async (surroundings) => {
          const { host, roots, print, signal } = surroundings
          const target = readTarget(flags.port)
          if (flags.output !== undefined && flags.output !== 'json')
            throw new UsageError(`--output ${JSON.stringify(flags.output)}: there is only "json"`)
          const { config } = await existingCluster(surroundings, given)
          const environment = { KUBECONFIG: clusterPaths(config.name, roots).kubeconfigFile }
          using connected = await connect({ environment, files: host.files })
          const facts = await readClusterFacts(connected.client, signal)
          const { from, to } = await findEnds(facts, flags, connected.client, signal)
          const verdict = explainConnection(facts, { from, to, ...(target === undefined ? {} : { target }) })
          if (flags.output === 'json') print(JSON.stringify(verdict, undefined, 2))
          else {
            print(verdict.allowed ? 'allowed' : 'dropped')
            for (const { cause } of verdict.verdicts) {
              print(`  ${cause.message}`)
              if (cause.remedy !== undefined) print(`    ${cause.remedy}`)
            }
            if (verdict.verdicts.length === 0) print('  neither end is a pod, and policies are about pods')
          }
          return verdict.allowed ? 0 : 1
        }),
      )
  },
}

/** Reads `80`, `80/TCP` or `53/UDP`. */
export function readTarget(text: string | undefined): Target | undefined {
  if (text === undefined) return undefined
  const [, digits, protocol = 'tcp'] = /^(\d{1,5})(?:\/(\w{1,4}))?$/.exec(text) ?? []
  const transport = transports.find((each) => each === protocol.toLowerCase())
  const port = Number(digits)
  if (digits === undefined || transport === undefined || port < 1 || port > 65_535)
    throw new UsageError(
      `--port ${JSON.stringify(text.slice(0, 80))}: a number from 1 to 65535, perhaps with /TCP, /UDP or /SCTP`,
    )
  return { transport, port }
}

/** The ends, by addresses of the same family. */
async function findEnds(
  facts: ClusterFacts,
  flags: Pick<Flags, 'from' | 'to'>,
  client: Client,
  signal: AbortSignal,
): Promise<{ from: Endpoint; to: Endpoint }> {
  const [sources, targets] = [readEnd(facts, '--from', flags.from), readEnd(facts, '--to', flags.to)]
  for (const from of sources)
    for (const to of targets) {
      if (from.ip.length !== to.ip.length) continue
      const ends = { from: endpointOf(facts, from), to: endpointOf(facts, to) }
      if (ends.to.pod === undefined && ends.to.node === undefined) await refuseService(to, client, signal)
      return ends
    }
  throw new UsageError(
    `--from ${flags.from} has ${sources.map(({ text }) => text).join(', ')} and --to ${flags.to} has ${targets.map(({ text }) => text).join(', ')}: they have no address family in common`,
  )
}

/** The addresses that an argument names. */
export function readEnd({ pods, nodes }: ClusterFacts, flag: string, text: string): readonly Address[] {
  const address = canonicalIp(text)
  if (address !== undefined) return [{ text: address, ip: ipBytes(address) }]
  const [first = '', second = '', ...rest] = text.split('/')
  if (second === '' || rest.length > 0)
    throw new UsageError(
      `${flag} ${JSON.stringify(text.slice(0, 80))}: NAMESPACE/POD, node/NAME or an address, such as 10.244.1.7`,
    )
  const found =
    [...pods].find(({ namespace, name }) => namespace === first && name === second) ??
    (first === 'node' ? [...nodes].find(({ name }) => name === second) : undefined)
  if (found === undefined || found.addresses.length === 0)
    throw new UsageError(
      `${flag} ${text}: there is no such ${first === 'node' ? 'node' : 'pod'} with an address; pods of the host's network are meant by node/NAME`,
    )
  return found.addresses
}

/** Policies never see the address of a service: the pod that it leads to stands there by then. */
async function refuseService({ text }: Address, client: Client, signal: AbortSignal): Promise<void> {
  const { items } = await client.listAll(services, { signal })
  const found = items.find(({ spec }) => spec.clusterIPs?.includes(text) === true)
  if (found === undefined) return
  const { namespace, name } = found.metadata
  throw new UsageError(
    `--to ${text}: this is service ${namespace}/${name}; policies see the pods that it leads to, and their ports: name one of them`,
  )
}
