import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Node } from '#api/core/v1/node.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { capacityOf, findVolume, isUsableFrom } from '#machinery/volumeBinding.ts'

type Labels = Readonly<Record<string, string>>

/** Tells whether a node with these labels can use a volume; undefined: every node can. */
export type NodeTest = (labels: Labels) => boolean

/** The test of a volume's node affinity, quick for the usual one: a label that must have one of some values. */
export function nodeTestOf(volume: PersistentVolume): NodeTest | undefined {
  if (volume.spec.nodeAffinity?.required === undefined) return undefined
  const place = placeOf(volume)
  if (place === undefined) return (labels) => isUsableFrom(volume, labels)
  const values = new Set(place.values)
  return (labels) => values.has(labels[place.key]!)
}

/** The label that says where a volume is, when its affinity says nothing else. */
function placeOf({ spec }: PersistentVolume): { readonly key: string; readonly values: readonly string[] } | undefined {
  const [term, ...others] = spec.nodeAffinity?.required?.nodeSelectorTerms ?? []
  const [requirement, ...further] = term?.matchExpressions ?? []
  if (requirement?.operator !== 'In' || others.length > 0 || further.length > 0 || term?.matchFields?.length)
    return undefined
  return { key: requirement.key, values: requirement.values ?? [] }
}

/**
 * Volumes that a claim could get, found quickly for each node:
 *
 *     everywhere   [v1, v2]                                   usable from every node
 *     places       { hostname: { n1: [v3], n2: [v4, v5] } }   by a label and its value
 *     elsewhere    [v6]                                       by an affinity of another form
 *
 * The smallest come first.
 */
export class VolumeChoice {
  readonly #everywhere: PersistentVolume[] = []
  readonly #places = new Map<string, Map<string, PersistentVolume[]>>()
  readonly #elsewhere: PersistentVolume[] = []
  readonly isEmpty: boolean

  /** Takes those of the free volumes that fit the claim, wherever. */
  constructor(claim: PersistentVolumeClaim, free: readonly PersistentVolume[]) {
    const fitting = free
      .filter((volume) => findVolume(claim, { reserved: [], free: [volume] }) !== undefined)
      .toSorted(
        (a, b) => compareQuantities(capacityOf(a), capacityOf(b)) || (a.metadata.name < b.metadata.name ? -1 : 1),
      )
    this.isEmpty = fitting.length === 0
    for (const volume of fitting) this.#add(volume)
  }

  /** The smallest one that the node can use and that is not taken. */
  find({ metadata }: Node, taken: ReadonlySet<string>): PersistentVolume | undefined {
    const labels = metadata.labels ?? {}
    let best = firstLeft(this.#everywhere, taken)
    for (const [key, byValue] of this.#places) best = smaller(best, firstLeft(byValue.get(labels[key]!) ?? [], taken))
    if (this.#elsewhere.length === 0) return best
    return smaller(
      best,
      firstLeft(
        this.#elsewhere.filter((volume) => isUsableFrom(volume, labels)),
        taken,
      ),
    )
  }

  #add(volume: PersistentVolume): void {
    if (volume.spec.nodeAffinity?.required === undefined) {
      this.#everywhere.push(volume)
      return
    }
    const place = placeOf(volume)
    if (place === undefined) {
      this.#elsewhere.push(volume)
      return
    }
    let byValue = this.#places.get(place.key)
    if (byValue === undefined) this.#places.set(place.key, (byValue = new Map()))
    for (const value of place.values) {
      const there = byValue.get(value)
      if (there === undefined) byValue.set(value, [volume])
      else there.push(volume)
    }
  }
}

function firstLeft(volumes: readonly PersistentVolume[], taken: ReadonlySet<string>): PersistentVolume | undefined {
  return taken.size === 0 ? volumes[0] : volumes.find(({ metadata }) => !taken.has(metadata.name))
}

function smaller(one: PersistentVolume | undefined, other: PersistentVolume | undefined): PersistentVolume | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return compareQuantities(capacityOf(other), capacityOf(one)) < 0 ? other : one
}
