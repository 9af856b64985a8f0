/**
 * The kernel's memory of UDP flows. A flow goes on to where its first packet went for as long as packets come, so flows to
 * backends that a service no longer has must be forgotten; TCP connections end by themselves.
 */
import { CommandError } from '#lib/host/process.ts'
import type { Processes } from '#lib/host/process.ts'
import { canonicalIp } from '#lib/net/ip.ts'

import { backendName, familyOf, frontendKey } from './frontend.ts'
import type { Family, Frontend, FrontendChange } from './frontend.ts'

/** Flows of one frontend to one backend, whoever their clients. */
export interface Flows {
  readonly address: string
  readonly port: number
  /** Where answers come from: the backend, or the address itself when the flow was not led anywhere. */
  readonly from: string
  readonly fromPort: number
}

/** The UDP flows in what `conntrack -L` prints, without their clients. */
export function readFlows(text: string): readonly Flows[] {
  const flows = new Map<string, Flows>()
  const pattern = /^udp\s.*?src=\S+ dst=(\S+) sport=\d+ dport=(\d+).*?src=(\S+) dst=\S+ sport=(\d+) dport=\d+/gm
  for (const [line, address, port, from, fromPort] of text.matchAll(pattern)) {
    const read = { address: canonicalIp(address!) ?? '', port: Number(port), from: canonicalIp(from!) ?? '' }
    if (read.address === '' || read.from === '') throw new Error(`Cannot read connection ${JSON.stringify(line)}`)
    const flow = { ...read, fromPort: Number(fromPort) }
    flows.set(Object.values(flow).join(' '), flow)
  }
  return [...flows.values()]
}

/** Which flows a change of frontends may have made stale. */
export interface Doubts {
  readonly families: Set<Family>
  /** Keys of frontends that have gone: whatever was led by them is stale. */
  readonly gone: Set<string>
}

export const noDoubts = (): Doubts => ({ families: new Set(), gone: new Set() })

/** Adds what some changes bring into doubt. Backends that come beside others make no flow stale. */
export function addDoubts(doubts: Doubts, changes: Iterable<FrontendChange>): void {
  for (const { key, before, next } of changes) {
    const { transport, family } = (next ?? before)!
    if (transport !== 'udp') continue
    const was = before?.serving ?? []
    const is = new Set(next?.serving)
    if (next === undefined) doubts.gone.add(key)
    else doubts.gone.delete(key)
    if (was.length === 0 ? is.size > 0 : was.some((name) => !is.has(name))) doubts.families.add(family)
  }
}

/**
 * The flows that lead to what does not serve their frontend any more, those of a frontend that has gone, and those past a
 * frontend that leads somewhere by now. What ends serves its flows to the end, and so does what only new ones are kept from by
 * a traffic policy or a hint.
 */
export function findStaleFlows(
  flows: readonly Flows[],
  table: { get(key: string): Frontend | undefined },
  gone: ReadonlySet<string>,
): readonly Flows[] {
  return flows.filter((flow) => {
    const wasLed = flow.from !== flow.address || flow.fromPort !== flow.port
    const key = frontendKey(flow.address, 'udp', flow.port)
    const nodeKey = frontendKey(familyOf(flow.address), 'udp', flow.port)
    // A flow that was not led may be anybody's flow to that port of another machine.
    const frontend = table.get(key) ?? (wasLed ? table.get(nodeKey) : undefined)
    if (frontend === undefined) return wasLed && (gone.has(key) || gone.has(nodeKey))
    const serving = frontend.serving ?? []
    if (!wasLed) return serving.length > 0
    return !serving.includes(backendName({ address: flow.from, port: flow.fromPort }))
  })
}

/** Makes the kernel forget stale UDP flows, so that their next packet is led anew. Returns how many kinds there were. */
export async function forgetStaleFlows(
  processes: Processes,
  family: Family,
  table: { get(key: string): Frontend | undefined },
  gone: ReadonlySet<string>,
  signal: AbortSignal,
  namespaceFile?: string,
): Promise<number> {
  const program = [...(namespaceFile === undefined ? [] : ['nsenter', `--net=${namespaceFile}`]), 'conntrack']
  const words = ['-f', family === 4 ? 'ipv4' : 'ipv6', '-p', 'udp']
  const list = [...program, '-L', ...words]
  const listed = await processes.run(list, { maxOutputBytes: 64 * 1024 * 1024 }, signal)
  if (listed.code !== 0) throw new CommandError(list, listed.stderr.trim().slice(-500), listed)
  const stale = findStaleFlows(readFlows(listed.stdout), table, gone)
  for (const { address, port, from, fromPort } of stale) {
    const original = ['--orig-dst', address, '--orig-port-dst', String(port)]
    const command = [...program, '-D', ...words, ...original, '--reply-src', from, '--reply-port-src', String(fromPort)]
    const result = await processes.run(command, {}, signal)
    // Code 1 also says that none was left, which is as good.
    if (result.code !== 0 && !result.stderr.includes('0 flow entries'))
      throw new CommandError(command, result.stderr.trim().slice(-500), result)
  }
  return stale.length
}
