import type { Node } from '#api/core/v1/node.ts'

/** On a node: for how many seconds its kubelet may take copies of Secrets and ConfigMaps for fresh. */
export const ttlAnnotation = 'node.alpha.kubernetes.io/ttl'

/** The more nodes ask, the longer copies last. Sizes overlap, so that one node more or less changes nothing to and fro. */
const steps = [
  { least: 0, most: 100, seconds: 0 },
  { least: 90, most: 500, seconds: 15 },
  { least: 450, most: 1000, seconds: 30 },
  { least: 900, most: 2000, seconds: 60 },
  { least: 1800, most: Infinity, seconds: 300 },
] as const

/** How many seconds copies last in a cluster with so many nodes, in which they lasted `before` seconds until now. */
export function ttlSeconds(nodes: number, before: number): number {
  let at = Math.max(
    0,
    steps.findIndex(({ seconds }) => seconds === before),
  )
  while (nodes > steps[at]!.most) at++
  while (nodes < steps[at]!.least) at--
  return steps[at]!.seconds
}

/** The nodes that do not say so yet. */
export function nodesToTell(nodes: readonly Node[], seconds: number): readonly Node[] {
  return nodes.filter(({ metadata }) => metadata.annotations?.[ttlAnnotation] !== String(seconds))
}
