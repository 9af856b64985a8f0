import type { Clock } from '#lib/clock.ts'
import { parseResourceMetrics } from '#metrics/resourceText.ts'
import type { NodeReading } from '#metrics/usage.ts'
import type { NodeConnector } from '#server/nodeProxy.ts'

/** The most that a kubelet may answer, in bytes: a few hundred for each container. */
const largestAnswer = 16 * 1024 * 1024

/** Asks a kubelet what its node and its containers have used. */
export async function readKubelet(
  nodes: NodeConnector,
  node: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<NodeReading> {
  const response = await nodes.request(node, { method: 'GET', path: '/metrics/resource' }, signal)
  const text = (await response.readBody(largestAnswer)).toString('utf8')
  if (response.status !== 200) throw new Error(`the kubelet answered ${response.status}: ${text.trim().slice(0, 200)}`)
  return parseResourceMetrics(text, clock.now())
}
