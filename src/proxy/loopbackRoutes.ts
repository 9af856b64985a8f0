/** Ways from the loopback of a node to pods, which the kernel has only where it is told to. */
import type { Processes } from '#lib/host/process.ts'
import { runChecked } from '#lib/host/process.ts'

/**
 * Lets packets that were sent to an address of the loopback leave for a pod, for host ports that are asked for there. Others could
 * send to the loopback of the node from then on: the table that drops such packets must be there before (CVE-2020-8558).
 */
export async function routeFromLoopback(
  processes: Processes,
  signal: AbortSignal,
  namespaceFile?: string,
): Promise<void> {
  const enter = namespaceFile === undefined ? [] : ['nsenter', `--net=${namespaceFile}`]
  const write = 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'
  await runChecked(processes, [...enter, 'sh', '-c', write], {}, signal)
}
