import { resolve } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import { readArgument, readCount, step, UsageError, type Command, type Surroundings } from './command.ts'
import { clusterNameOf, refuseClusterOfRoot, withLock } from './names.ts'
import {
  completeConfig,
  ConfigError,
  parseConfigFile,
  podRangeProblem,
  serviceRangeProblem,
  type ClusterConfig,
} from '#cluster/config.ts'
import { createCluster } from '#cluster/creation.ts'
import { kubeconfigPath, refuseKubeconfig } from '#cluster/kubeconfig.ts'
import { prepareMachine } from '#cluster/machine.ts'
import { readRecord } from '#cluster/record.ts'
import { bringUp, describeCluster } from '#cluster/start.ts'
import { endCluster, finishRemoval } from '#cluster/removal.ts'
import { readSchedulerFile } from '#cluster/schedulerFile.ts'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import { nodePortAddressesProblem } from '#proxy/nodePortRanges.ts'
import { betweenChoices, type Between } from '#nodeNetwork/settings.ts'

interface Flags {
  readonly workers?: number
  readonly simulatedNodes?: number
  readonly config?: string
  readonly schedulerConfig?: string
  readonly apiServerPort?: number
  readonly podRange?: string
  readonly serviceRange?: string
  readonly nodeportAddresses?: string
  readonly between?: Between
  /** False when nodes are to wait for a network plugin. */
  readonly podNetwork?: boolean
  readonly trafficShaping?: boolean
  readonly ephemeral?: boolean
  readonly outside?: boolean
  /** False when it is to be without. */
  readonly metrics?: boolean
  readonly loadBalancerPool?: string
  /** False when services of type LoadBalancer are to get no addresses. */
  readonly loadBalancer?: boolean
  readonly dns?: boolean
  /** False when others enforce them. */
  readonly networkPolicies?: boolean
  /** True for from the start, false for not at all. */
  readonly ingress?: boolean
  readonly foreground?: boolean
}

/** `k8ts up [NAME]`: makes a cluster, or goes on with one that is there, until every node is ready. */
export const up: Command = {
  define(program, run) {
    program
      .command('up')
      .description('make a cluster and wait until its nodes are ready')
      .argument('[name]', 'the cluster (k8ts)')
      .option('--workers <n>', 'worker nodes beside the control plane', readCount)
      .option('--simulated-nodes <n>', 'nodes that run pods without containers', readCount)
      .option('--config <file>', 'settings of the cluster, as YAML or JSON')
      .option('--scheduler-config <file>', 'a KubeSchedulerConfiguration, as YAML or JSON')
      .option('--api-server-port <port>', 'port of the API server', readCount)
      .option(
        '--pod-range <ranges>',
        'addresses of pods: 10.244.0.0/16, or fd00:10:244::/56, or both with a comma',
        ranges(podRangeProblem),
      )
      .option('--service-range <ranges>', 'addresses of services, of the same families', ranges(serviceRangeProblem))
      .option(
        '--nodeport-addresses <ranges>',
        'where nodes open ports of services: ranges with commas between, or primary (every address)',
        ranges((text) => nodePortAddressesProblem(text.split(','))),
      )
      .addOption(new Option('--between <way>', 'how pods of different nodes reach each other').choices(betweenChoices))
      .option('--no-pod-network', 'give pods no network: you install a network plugin such as Flannel')
      .option(
        '--traffic-shaping',
        'let the annotations kubernetes.io/ingress-bandwidth and egress-bandwidth of pods hold',
      )
      .option('--ephemeral', 'keep images in memory: quicker, and gone after "stop"')
      .option('--outside', 'let nodes and pods reach what is outside of this machine, such as registries')
      .option('--no-metrics', 'do not tell what nodes and pods use')
      .option(
        '--load-balancer-pool <ranges>',
        "addresses for services of type LoadBalancer (some of the nodes' own range)",
      )
      .option('--no-load-balancer', 'give services of type LoadBalancer no addresses')
      .option('--ingress', 'serve ingresses from the start: usually nodes begin with the first one')
      .option('--no-ingress', 'serve no ingresses: another controller does, such as ingress-nginx')
      .option('--no-dns', 'answer no DNS questions: a server in pods does, such as CoreDNS')
      .option('--no-network-policies', "enforce no network policies: the pods' network plugin does")
      .option('--foreground', 'stay, and end the cluster when interrupted')
      .action((given: string | undefined, flags: Flags) => run((surroundings) => carryOut(surroundings, given, flags)))
  },
}

/** Reads an argument that names ranges. */
function ranges(problemOf: (text: string) => string | undefined): (text: string) => string {
  return (text) => {
    const problem = problemOf(text)
    if (problem !== undefined) throw new InvalidArgumentError(`${problem[0]!.toUpperCase()}${problem.slice(1)}.`)
    return text
  }
}

async function carryOut(surroundings: Surroundings, given: string | undefined, flags: Flags): Promise<number> {
  const config = await readConfig(surroundings, given, flags)
  const { clock, host, roots } = surroundings
  const began = clock.now()
  surroundings.progress(`Cluster "${config.name}"`)
  const record = await withLock(surroundings, config.name, async () => {
    await finishRemoval(surroundings, config.name)
    const known = await readRecord(host.files, config.name, roots)
    if (known !== undefined) refuseOtherSettings(surroundings, known.config, config, given, flags)
    else {
      refuseRealNodes(surroundings, config)
      await refuseClusterOfRoot(surroundings, config.name)
      const kubeconfig = await kubeconfigPath(host.files, surroundings.environment, surroundings.uid)
      await refuseKubeconfig(host.files, kubeconfig, config.name)
    }
    // Simulated nodes need nothing of the machine.
    if (known === undefined ? surroundings.mayMakeNodes : known.nodes.length > 0) {
      await step(surroundings, 'Checking the machine', () => prepareMachine(surroundings, known?.config ?? config))
    }
    const cluster = known ?? (await createCluster(surroundings, config))
    return await bringUp(surroundings, cluster)
  })
  for (const line of describeCluster(record, clock.now() - began)) surroundings.print(line)
  if (flags.foreground !== true) return 0
  // Nothing else keeps this process: those of the cluster are others.
  await clock.sleep(Infinity, surroundings.signal).catch(() => {})
  await withLock(surroundings, config.name, () =>
    step(surroundings, 'Stopping', () =>
      endCluster({ ...surroundings, signal: new AbortController().signal }, config.name, { force: false }),
    ),
  )
  return 0
}

async function readConfig(
  { host, clock }: Surroundings,
  given: string | undefined,
  flags: Flags,
): Promise<ClusterConfig> {
  let file: Partial<ClusterConfig> = {}
  try {
    if (flags.config !== undefined) {
      const text = await readArgument(host.files, flags.config)
      file = parseConfigFile(text, flags.config)
    }
  } catch (error) {
    if (error instanceof SettingsError) throw new UsageError(error.message)
    throw error
  }
  const { workers, simulatedNodes, apiServerPort, ephemeral, outside, schedulerConfig, metrics, dns, ingress } = flags
  const loadBalancer = {
    ...file.loadBalancer,
    ...(flags.loadBalancerPool === undefined ? {} : { pool: flags.loadBalancerPool }),
    ...(flags.loadBalancer === false ? { enabled: false } : {}),
  }
  const { podRange, serviceRange, nodeportAddresses, between } = flags
  try {
    const config = completeConfig(file, {
      ...(given === undefined ? {} : { name: clusterNameOf(given) }),
      ...(workers === undefined ? {} : { workers }),
      ...(simulatedNodes === undefined ? {} : { simulatedNodes }),
      ...(apiServerPort === undefined ? {} : { apiServerPort }),
      ...(podRange === undefined ? {} : { podRange }),
      ...(serviceRange === undefined ? {} : { serviceRange }),
      ...(nodeportAddresses === undefined ? {} : { nodePortAddresses: nodeportAddresses.split(',') }),
      ...(between === undefined ? {} : { between }),
      ...(flags.podNetwork === false ? { podNetwork: false } : {}),
      ...(flags.trafficShaping === undefined ? {} : { trafficShaping: flags.trafficShaping }),
      ...(ephemeral === undefined ? {} : { ephemeral }),
      ...(outside === undefined ? {} : { outside }),
      ...(schedulerConfig === undefined ? {} : { schedulerConfig: resolve(schedulerConfig) }),
      ...(metrics === false ? { metrics } : {}),
      ...(Object.keys(loadBalancer).length === 0 ? {} : { loadBalancer }),
      ...(dns === false ? { dns } : {}),
      ...(flags.networkPolicies === false ? { networkPolicies: false } : {}),
      ...(ingress === undefined ? {} : { ingress: ingress ? 'always' : 'never' }),
    })
    // What is wrong in files is told now, not by a control plane that does not start.
    if (config.schedulerConfig !== undefined) await readSchedulerFile(host.files, config.schedulerConfig)
    if (config.audit !== undefined) {
      // Only who wants a log waits for what keeps it.
      const { checkAuditFiles } = await import('#cluster/server/openAudit.ts')
      const { fileReader } = await import('#cluster/server/credentials.ts')
      await checkAuditFiles(config.audit, fileReader({ host }))
    }
    if (config.authentication?.configFile !== undefined) {
      const { readAuthenticationFile } = await import('#cluster/server/authenticationFile.ts')
      const { fileReader } = await import('#cluster/server/credentials.ts')
      const read = fileReader({ host })
      const file = (path: string): Promise<string> => read(path, 'authentication.configFile')
      await readAuthenticationFile(file, config.authentication.configFile, { audiences: [], issuers: [], clock })
    }
    return config
  } catch (error) {
    if (error instanceof ConfigError || error instanceof SettingsError) throw new UsageError(error.message)
    throw error
  }
}

/** A cluster that is there keeps its settings; only flags that say otherwise are a mistake. */
function refuseOtherSettings(
  { uid }: Surroundings,
  known: ClusterConfig,
  wanted: ClusterConfig,
  given: string | undefined,
  flags: Flags,
): void {
  const said: (keyof ClusterConfig)[] = []
  if (flags.workers !== undefined) said.push('workers')
  if (flags.simulatedNodes !== undefined) said.push('simulatedNodes')
  if (flags.apiServerPort !== undefined) said.push('apiServerPort')
  if (flags.podRange !== undefined) said.push('podRange')
  if (flags.serviceRange !== undefined) said.push('serviceRange')
  if (flags.nodeportAddresses !== undefined) said.push('nodePortAddresses')
  if (flags.between !== undefined) said.push('between')
  if (flags.podNetwork === false) said.push('podNetwork')
  if (flags.trafficShaping !== undefined) said.push('trafficShaping')
  if (flags.ephemeral !== undefined) said.push('ephemeral')
  if (flags.outside !== undefined) said.push('outside')
  if (flags.schedulerConfig !== undefined) said.push('schedulerConfig')
  if (flags.metrics === false) said.push('metrics')
  if (flags.loadBalancerPool !== undefined || flags.loadBalancer === false) said.push('loadBalancer')
  if (flags.dns === false) said.push('dns')
  if (flags.networkPolicies === false) said.push('networkPolicies')
  if (flags.ingress !== undefined) said.push('ingress')
  if (flags.config !== undefined) said.push(...(Object.keys(wanted) as (keyof ClusterConfig)[]))
  for (const setting of said) {
    if (JSON.stringify(known[setting]) === JSON.stringify(wanted[setting])) continue
    const name = given ?? known.name
    throw new UsageError(
      `cluster "${name}" exists with ${setting} ${JSON.stringify(known[setting])}, not ${JSON.stringify(wanted[setting])}; ` +
        (setting === 'workers' && uid === 0
          ? `"k8ts node add ${name}" and "k8ts node remove ${name} NODE" change that`
          : `"k8ts down ${name}" removes it first`),
    )
  }
}

function refuseRealNodes({ uid, mayMakeNodes }: Surroundings, config: ClusterConfig): void {
  if (mayMakeNodes || (config.workers === 0 && config.simulatedNodes > 0)) return
  const how =
    uid === 0
      ? 'containers need CAP_SYS_ADMIN and CAP_NET_ADMIN, which root lacks here: inside a container run that one with --privileged'
      : 'containers need root: run "sudo k8ts up"'
  throw new Error(`${how}, or run without them: "k8ts up --simulated-nodes 3" makes a cluster whose nodes only pretend`)
}
