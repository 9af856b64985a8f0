// What is said between the scheduler and an extender: the types of kube-scheduler's extender/v1, whose JSON names are those
// of the Go fields. Answers are read like Go does, which does not mind how names are capitalized.
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'

/** Asks which nodes will do, or how well. Names go to extenders that know the nodes, and the nodes to others. */
export interface ExtenderArgs {
  readonly Pod: Pod
  readonly Nodes: { readonly metadata: object; readonly items: readonly Node[] } | null
  readonly NodeNames: readonly string[] | null
}

/** What an extender says of nodes; undefined where it says nothing. */
export interface FilterAnswer {
  readonly nodeNames: readonly string[] | undefined
  /** Texts by node. */
  readonly failed: ReadonlyMap<string, string>
  /** The same where evicting pods would not help. */
  readonly unresolvable: ReadonlyMap<string, string>
}

export interface MetaVictims {
  readonly Pods: readonly { readonly UID: string }[]
  readonly NumPDBViolations: number
}

/** Asks which pods should go. */
export interface ExtenderPreemptionArgs {
  readonly Pod: Pod
  readonly NodeNameToVictims: Readonly<
    Record<string, { readonly Pods: readonly Pod[]; readonly NumPDBViolations: number }>
  > | null
  readonly NodeNameToMetaVictims: Readonly<Record<string, MetaVictims>> | null
}

export interface ExtenderBindingArgs {
  readonly PodName: string
  readonly PodNamespace: string
  readonly PodUID: string
  readonly Node: string
}

/** An answer that cannot be understood; the message says what is wrong with it. */
export class AnswerError extends Error {
  override name = 'AnswerError'
}

/** Reads an answer to a filter; of an extender that is told names, the names count where it gives them. */
export function readFilterAnswer(answer: unknown, tellsNames: boolean): FilterAnswer {
  const { nodes, nodenames, failednodes, failedandunresolvablenodes, error } = membersOf(answer, 'the answer')
  if (typeof error === 'string' && error !== '') throw new Error(error)
  return {
    nodeNames: tellsNames && isSaid(nodenames) ? textsOf(nodenames, 'NodeNames') : namesOf(nodes),
    failed: textsByName(failednodes, 'FailedNodes'),
    unresolvable: textsByName(failedandunresolvablenodes, 'FailedAndUnresolvableNodes'),
  }
}

/** Reads scores by node. */
export function readPriorities(answer: unknown): ReadonlyMap<string, number> {
  if (!isSaid(answer)) return new Map()
  if (!Array.isArray(answer)) throw new AnswerError('the answer is no list of scores')
  return new Map(
    answer.map((each: unknown, i) => {
      const { host, score } = membersOf(each, `item ${i}`)
      if (typeof host !== 'string' || !Number.isInteger(score)) throw new AnswerError(`item ${i} is no score of a host`)
      return [host, score as number]
    }),
  )
}

/** Reads the uids of victims by node. */
export function readPreemption(
  answer: unknown,
): ReadonlyMap<string, { readonly uids: readonly string[]; readonly violations: number }> {
  const { nodenametometavictims } = membersOf(answer, 'the answer')
  const found = new Map<string, { readonly uids: readonly string[]; readonly violations: number }>()
  if (!isSaid(nodenametometavictims)) return found
  for (const [node, victims] of Object.entries(recordOf(nodenametometavictims, 'NodeNameToMetaVictims'))) {
    const { pods, numpdbviolations = 0 } = isSaid(victims) ? membersOf(victims, node) : {}
    const list = isSaid(pods) ? pods : []
    if (!Array.isArray(list)) throw new AnswerError(`the victims on node "${node}" are no list`)
    const uids = list.map((each: unknown) => membersOf(each, `a victim on node "${node}"`)['uid'])
    if (!uids.every((uid) => typeof uid === 'string')) throw new AnswerError(`a victim on node "${node}" has no UID`)
    found.set(node, { uids, violations: Number(numpdbviolations) })
  }
  return found
}

/** Throws what an extender says went wrong when it bound a pod. */
export function readBinding(answer: unknown): void {
  const { error } = isSaid(answer) ? membersOf(answer, 'the answer') : {}
  if (typeof error === 'string' && error !== '') throw new Error(error)
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null
}

function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new AnswerError(`${what} is no object`)
  return value as Record<string, unknown>
}

/** The members of an object by their names in small letters. */
function membersOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(recordOf(value, what)).map(([name, each]) => [name.toLowerCase(), each]))
}

function textsOf(value: unknown, what: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw new AnswerError(`${what} is no list of names`)
  }
  return value
}

function namesOf(nodes: unknown): readonly string[] | undefined {
  if (!isSaid(nodes)) return undefined
  const { items } = membersOf(nodes, 'Nodes')
  if (!isSaid(items)) return []
  if (!Array.isArray(items)) throw new AnswerError('Nodes has no list of items')
  return items.map((node: unknown) => {
    const name = (node as Partial<Node> | null)?.metadata?.name
    if (typeof name !== 'string') throw new AnswerError('a node among Nodes has no name')
    return name
  })
}

function textsByName(value: unknown, what: string): ReadonlyMap<string, string> {
  if (!isSaid(value)) return new Map()
  return new Map(Object.entries(recordOf(value, what)).map(([name, text]) => [name, String(text)]))
}
