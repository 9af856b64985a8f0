import type { Pod } from '#api/core/v1/pod.ts'
import { milliQuantityOf, quantityOf } from '#machinery/quantity.ts'
import type { RejectionCause, VolumeProblem } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'

/** How much has to be changed, from what passes by itself to what needs another pod, other nodes or other volumes. */
const efforts = { room: 1, node: 2, pods: 3, pod: 4, larger: 5, volumes: 6, unknown: 7 } as const

/** Amounts of one kind of effort, between the kinds. */
const mostAmount = 1_000_000

function effort(kind: keyof typeof efforts, amount: number): number {
  return efforts[kind] * mostAmount + Math.min(amount, mostAmount - 1)
}

const effortsOfVolumes: Readonly<Record<VolumeProblem, keyof typeof efforts>> = {
  limit: 'room',
  diskInUse: 'room',
  claimInUse: 'pods',
  missingClaim: 'pod',
  noSpace: 'larger',
  noneToBind: 'larger',
  unbound: 'larger',
  elsewhere: 'volumes',
  missingVolume: 'volumes',
  unusableClaim: 'unknown',
}

/** Whether that much would have to move that other nodes are nearer, however much stands in the way there. */
export function isFar(needed: number): boolean {
  return needed >= effort('volumes', 0)
}

/** How much of a change would remove an obstacle; the lower, the smaller. */
export function effortOf(cause: RejectionCause | undefined): number {
  switch (cause?.kind) {
    case 'resource': {
      const { resource, requested, free, capacity } = cause
      if (resource === 'pods') return effort('room', 1)
      if (requested > capacity) return effort('larger', (requested - capacity) / Math.max(1, capacity))
      return effort('room', (requested - Math.max(0, free)) / capacity)
    }
    case 'port':
      return effort('room', 1)
    case 'unschedulable':
    case 'selector':
      return effort('node', 1)
    case 'taint':
      return effort('pod', 1)
    case 'gate':
      return effort('pod', cause.gates.length)
    case 'affinity':
      return effort('pods', cause.value === undefined ? 2 : 1)
    case 'antiAffinity':
      return effort('pods', cause.pods)
    case 'spread':
      return cause.value === undefined ? effort('node', 1) : effort('pods', cause.excess ?? 1)
    case 'volume':
      return effort(effortsOfVolumes[cause.problem], 1)
    case 'name':
    case undefined:
      return effort('unknown', 1)
  }
}

/** What would make a node take a pod in spite of what a plugin said; undefined where only its words tell. */
export function remedyOf(cause: RejectionCause | undefined, pod: Pod, { name, node }: NodeView): string | undefined {
  switch (cause?.kind) {
    case 'resource': {
      const { resource, requested, free, capacity } = cause
      if (resource === 'pods') return `end a pod on ${name}`
      if (requested <= capacity)
        return `free ${amountOf(resource, requested - Math.max(0, free))} ${resource} on ${name}`
      if (capacity === 0) return `add a node with ${resource}`
      const [most, wanted] = [amountOf(resource, capacity), amountOf(resource, requested)]
      return `request at most ${most} ${resource}, or add a node with ${wanted}`
    }
    case 'port':
      return `free host port ${cause.protocol}/${cause.port} on ${name}`
    case 'unschedulable':
      return `uncordon ${name}`
    case 'taint': {
      const { key, value = '', effect } = cause
      return `tolerate the taint ${key}${value === '' ? '' : `=${value}`}:${effect}, or take it off ${name}`
    }
    case 'selector':
      return selectorRemedy(pod, name, node.metadata.labels ?? {})
    case 'affinity': {
      const { topologyKey, value } = cause
      if (value === undefined) return `label ${name} with ${topologyKey} of pods that its affinity asks for`
      return `run a pod that its affinity asks for where ${topologyKey}=${value}`
    }
    case 'antiAffinity':
      return `move ${counted(cause.pods, 'pod')} away from ${cause.topologyKey}=${cause.value}`
    case 'spread': {
      const { topologyKey, value, excess = 1 } = cause
      if (value === undefined) return `label ${name} with ${topologyKey}`
      return `end ${counted(excess, 'pod')} of those it is spread with where ${topologyKey}=${value}, or run more elsewhere`
    }
    case 'gate':
      return `remove the gates ${cause.gates.join(', ')}`
    case 'volume':
      return volumeRemedy(cause, name)
    case 'name':
    case undefined:
      return undefined
  }
}

/** The same for what a plugin said of the whole cluster. */
export function remedyOfWhole(cause: RejectionCause | undefined): string | undefined {
  return cause?.kind === 'volume' ? volumeRemedy(cause, 'a node') : undefined
}

function volumeRemedy(
  { problem, claim, driver }: Extract<RejectionCause, { kind: 'volume' }>,
  node: string,
): string | undefined {
  switch (problem) {
    case 'missingClaim':
      return `create the claim ${JSON.stringify(claim)}`
    case 'unbound':
      return 'add volumes that fit the unbound claims of the pod'
    case 'noneToBind':
      return `add volumes on ${node} that fit the unbound claims of the pod`
    case 'noSpace':
      return `free storage on ${node} for the unbound claims of the pod`
    case 'elsewhere':
      return `move the volumes of the pod to ${node}`
    case 'missingVolume':
      return 'restore the volumes that the claims of the pod are bound to'
    case 'limit':
      return `end a pod with volumes of ${driver} on ${node}`
    case 'diskInUse':
      return `end the pods on ${node} that use the same disk`
    case 'claimInUse':
      return 'end the pod that uses the same claim'
    case 'unusableClaim':
      return undefined
  }
}

function selectorRemedy({ spec }: Pod, name: string, labels: Readonly<Record<string, string>>): string {
  const missing = Object.entries(spec.nodeSelector ?? {}).filter(([key, value]) => labels[key] !== value)
  if (missing.length === 0) return `label ${name} as the required node affinity asks for`
  return `label ${name} with ${missing.map(([key, value]) => `${key}=${value}`).join(' and ')}`
}

function counted(number: number, what: string): string {
  return number === 1 ? `a ${what}` : `${number} ${what}s`
}

const binary = new Set(['memory', 'ephemeral-storage'])

/** An amount as people write it: `500m` of CPU, `2Gi` of memory. */
function amountOf(resource: string, amount: number): string {
  if (resource === 'cpu') return milliQuantityOf(amount)
  return quantityOf(amount, binary.has(resource) || resource.startsWith('hugepages-') ? 'BinarySI' : 'DecimalSI')
}
