import type { AddressType } from '#api/discovery/v1/endpointSlice.ts'
import type { EventNote } from '#client/events.ts'
import type { TopologyOutcome } from './plan.ts'
import { isOverloaded } from './topology.ts'

/** Remembers which services have hints by topology: what people are told of them, and when they have to be looked at again. */
export class TopologyHints {
  /** By service and address family: how many endpoints each zone has. */
  readonly #byZone = new Map<string, Map<AddressType, ReadonlyMap<string, number>>>()
  /** Services of which it was told that they have hints. */
  readonly #told = new Set<string>()

  /** Notes what came of a look at a service. Returns what to tell of it, in Kubernetes' words. */
  note(key: string, types: readonly AddressType[], outcomes: readonly TopologyOutcome[]): readonly EventNote[] {
    if (outcomes.length === 0) {
      this.#byZone.delete(key)
      return this.#told.delete(key) ? [disabled('Topology Aware Hints has been disabled', types[0]!)] : []
    }
    const notes: EventNote[] = []
    const zones = new Map<AddressType, ReadonlyMap<string, number>>()
    for (const { addressType, byZone, problem } of outcomes) {
      if (problem !== undefined) {
        this.#told.delete(key)
        notes.push(disabled(problem, addressType))
      } else {
        zones.set(addressType, byZone!)
        if (!this.#told.has(key)) {
          const message = `Topology Aware Hints has been enabled, addressType: ${addressType}`
          notes.push({ type: 'Normal', reason: 'TopologyAwareHintsEnabled', message })
        }
        this.#told.add(key)
      }
    }
    this.#byZone.set(key, zones)
    return notes
  }

  forget(key: string): void {
    this.#byZone.delete(key)
    this.#told.delete(key)
  }

  /** Whether hints of a service will not do for the zones as they are now, or may be possible now. */
  mustLook(key: string, ratios: ReadonlyMap<string, number> | undefined): boolean {
    const zones = this.#byZone.get(key)
    if (zones === undefined || zones.size === 0) return ratios !== undefined
    return [...zones.values()].some((byZone) => isOverloaded(byZone, ratios))
  }
}

const disabled = (problem: string, addressType: AddressType): EventNote => ({
  type: 'Warning',
  reason: 'TopologyAwareHintsDisabled',
  message: `${problem}, addressType: ${addressType}`,
})
