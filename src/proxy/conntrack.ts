/**
 * The kernel's memory of UDP flows. A flow goes on to where its first packet went for as long as packets come, so flows to
 * backends that a service no longer has must be forgotten; TCP connections end by themselves.
 */
import { CommandError } from '#lib/host/process.ts'
import type { Processes } from '#lib/host/process.ts'
import { canonicalIp } from '#lib/net/ip.ts'

import { backendName } from './serviceTable.ts'
import type { Family, Frontend } from './serviceTable.ts'

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

/** The flows that lead where their frontend no longer does, or past a frontend that leads somewhere by now. */
export function findStaleFlows(flows: readonly Flows[], table: ReadonlyMap<string, Frontend>): readonly Flows[] {
  return flows.filter((flow) => {
    const wasLed = flow.from !== flow.address || flow.fromPort !== flow.port
    const frontend =
      table.get(`${flow.address}/udp/${flow.port}`) ??
      // A flow that was not led may be anybody's flow to that port of another machine.
      (wasLed ? table.get(`${flow.address.includes(':') ? 6 : 4}/udp/${flow.port}`) : undefined)
    if (frontend === undefined) return false
    const name = backendName({ address: flow.from, port: flow.fromPort, local: false })
    return ![frontend.inside, frontend.outside].some((target) =>
      target?.backends.some((backend) => backendName(backend) === name),
    )
  })
}

/** Whether a change of the table can have left stale flows. */
export function losesUdpBackends(before: ReadonlyMap<string, Frontend>, next: ReadonlyMap<string, Frontend>): boolean {
  for (const frontend of next.values()) {
    if (frontend.transport !== 'udp') continue
    const old = before.get(frontend.key)
    if (old === frontend) continue
    const names = new Set(frontend.inside.backends.map(backendName))
    const oldBackends = old?.inside.backends ?? []
    if (oldBackends.length === 0 ? names.size > 0 : oldBackends.some((backend) => !names.has(backendName(backend))))
      return true
    if (old?.outside?.backends.length !== frontend.outside?.backends.length) return true
  }
  return false
}

/** Makes the kernel forget stale UDP flows, so that their next packet is led anew. Returns how many kinds there were. */
export async function forgetStaleFlows(
  processes: Processes,
  family: Family,
  table: ReadonlyMap<string, Frontend>,
  signal: AbortSignal,
  namespaceFile?: string,
): Promise<number> {
  const program = [...(namespaceFile === undefined ? [] : ['nsenter', `--net=${namespaceFile}`]), 'conntrack']
  const words = ['-f', family === 4 ? 'ipv4' : 'ipv6', '-p', 'udp']
  const list = [...program, '-L', ...words]
  const listed = await processes.run(list, { maxOutputBytes: 64 * 1024 * 1024 }, signal)
  if (listed.code !== 0) throw new CommandError(list, listed.stderr.trim().slice(-500), listed)
  const stale = findStaleFlows(readFlows(listed.stdout), table)
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
