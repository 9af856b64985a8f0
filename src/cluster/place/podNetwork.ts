/**
 * The network of a node's pods: the configuration that containerd hands to the CNI plugins `bridge` and `host-local`. Where
 * somebody puts another one beside it, ours steps aside: containerd uses the first by name, whoever's it is, so there must not
 * be two. Ours comes back when the other one goes. Pods keep the links that they were made with.
 */
import type { Host } from '#lib/host/host.ts'
import { parseIp } from '#lib/net/ip.ts'

import type { PlaceLayout } from './layout.ts'

const ownName = '10-pods.conflist'
const bridgeName = 'cni0'
/** The folder is looked at this often. */
const lookEvery = 1_000

/** The text of the plugin configuration for a node's pod ranges (one, or one of each address family). */
function renderPodNetwork(layout: PlaceLayout, podRanges: readonly string[], mtu: number, shapes: boolean): string {
  const routes = podRanges.map((range) => ({ dst: range.includes(':') ? '::/0' : '0.0.0.0/0' }))
  const bridge = {
    type: 'bridge',
    bridge: bridgeName,
    isGateway: true,
    // Masquerading is the service rules' business.
    ipMasq: false,
    hairpinMode: true,
    mtu,
    ipam: {
      type: 'host-local',
      dataDir: layout.addressFolder,
      ranges: podRanges.map((subnet) => [{ subnet }]),
      routes,
    },
  }
  // Does nothing for pods without the annotations, but is one more program to start for each.
  const shaper = { type: 'bandwidth', capabilities: { bandwidth: true } }
  const plugins = [bridge, ...(shapes ? [shaper] : [])]
  return `${JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins }, undefined, 2)}\n`
}

/**
 * Tells containerd the node's pod ranges, how large the packets of their links may be and whether it `shapes` traffic; it
 * notices by itself. An unchanged configuration is not written again.
 */
export async function writePodNetwork(
  host: Pick<Host, 'files'>,
  layout: PlaceLayout,
  podRanges: readonly string[],
  mtu: number,
  shapes = false,
): Promise<void> {
  const file = `${layout.cniFolder}/${ownName}`
  const text = renderPodNetwork(layout, podRanges, mtu, shapes)
  if ((await host.files.readText(file)) !== text) await host.files.write(file, text)
}

/** What containerd takes for a configuration of its network. */
const isConfiguration = (name: string): boolean => /\.(conf|conflist|json)$/.test(name)

export interface PodNetworkOptions {
  readonly host: Pick<Host, 'files' | 'ip' | 'processes' | 'clock'>
  readonly layout: PlaceLayout
  /** Whether pods get a network of ours at all. */
  readonly enabled: boolean
  /** Whether the annotations `kubernetes.io/ingress-bandwidth` and `egress-bandwidth` of pods hold. */
  readonly shapes: boolean
  readonly log: (message: string, details: Readonly<Record<string, unknown>>) => void
}

export interface PodNetwork {
  /**
   * Gives pods links in these ranges from now on, unless another configuration does. Says whether there are, or will be, pods
   * with links of ours.
   */
  apply(
    wanted: { readonly podRanges: readonly string[]; readonly podMtu: number },
    signal: AbortSignal,
  ): Promise<boolean>
  /** Resolves when others have changed something for which `apply` must be called again. */
  changed(signal: AbortSignal): Promise<void>
}

/** The network of the pods of the place in which this process runs. */
export function podNetwork({ host, layout, enabled, shapes, log }: PodNetworkOptions): PodNetwork {
  const { files, clock } = host
  /** The folder as it was left. */
  let left = ''
  let isLeaving = false
  let told = ''

  const look = async (): Promise<readonly string[]> => (await files.list(layout.cniFolder)).filter(isConfiguration)

  /** The links of pods on our bridge; nothing when there is no bridge. */
  const ports = async (signal: AbortSignal): Promise<number | undefined> => {
    const links = await host.ip().show(['link', 'show'], signal)
    if (!links.some(({ ifname }) => ifname === bridgeName)) return undefined
    return links.filter(({ master }) => master === bridgeName).length
  }

  const stepAside = async (signal: AbortSignal): Promise<boolean> => {
    await files.remove(`${layout.cniFolder}/${ownName}`)
    const count = await ports(signal)
    if (count !== undefined && count > 0) return true
    if (count === 0) await host.ip().batch([`link delete ${bridgeName}`], signal)
    // Nobody has one of them any more; whoever took pods away meanwhile did not know of them.
    for (const name of await files.list(layout.addressFolder)) await files.remove(`${layout.addressFolder}/${name}`)
    return false
  }

  return {
    async apply({ podRanges, podMtu }, signal) {
      const foreign = (await look()).filter((name) => name !== ownName)
      const others = foreign.join(', ')
      if (others !== told) {
        if (others !== '')
          log('Another network plugin is configured, so that new pods get their network from it', { foreign })
        else log('No other network plugin is configured any more: new pods get a network of ours', {})
        told = others
      }
      const isOurs = enabled && foreign.length === 0
      if (isOurs && (await files.status(`${layout.cniFolder}/${ownName}`)) === undefined) {
        await forgetAddresses(host, layout, signal)
      }
      if (isOurs) await writePodNetwork(host, layout, podRanges, podMtu, shapes)
      isLeaving = !isOurs && (await stepAside(signal))
      left = (await look()).join()
      return isOurs || isLeaving
    },
    async changed(signal) {
      do await clock.sleep(lookEvery, signal)
      while ((await look()).join() === left && !(isLeaving && (await ports(signal)) === 0))
    },
  }
}

/** Gives back the addresses of pods that were taken away while another plugin was asked to do so. */
async function forgetAddresses(
  { files, processes }: Pick<Host, 'files' | 'processes'>,
  layout: PlaceLayout,
  signal: AbortSignal,
): Promise<void> {
  const folders = (await files.list(layout.addressFolder)).map((name) => `${layout.addressFolder}/${name}`)
  // A network's addresses are in a folder of its name, each a file with the id of the pod's sandbox.
  const taken = (
    await Promise.all(folders.map(async (folder) => (await files.list(folder)).map((name) => ({ folder, name }))))
  )
    .flat()
    .filter(({ name }) => parseIp(name) !== undefined)
  if (taken.length === 0) return
  const list = ['ctr', '--address', layout.socket, '--namespace', 'k8s.io', 'containers', 'list', '--quiet']
  const { code, stdout } = await processes.run(list, { timeoutMs: 30_000 }, signal)
  if (code !== 0) return
  const alive = new Set(stdout.split('\n').map((line) => line.trim()))
  for (const { folder, name } of taken) {
    const [id = ''] = ((await files.readText(`${folder}/${name}`)) ?? '').split(/\r?\n/)
    if (!alive.has(id.trim())) await files.remove(`${folder}/${name}`)
  }
}
