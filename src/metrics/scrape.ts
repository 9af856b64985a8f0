import { nodes } from '#api/core/v1/node.ts'
import type { Informers } from '#client/informers.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import type { MetricsStore } from './store.ts'
import type { NodeReading } from './usage.ts'

/** Milliseconds between two rounds: as metrics-server is set up everywhere. */
export const scrapeInterval = 15_000
/** A node that takes longer than this part of the interval is left out of a round. */
const patience = 0.9

export interface MetricsOptions {
  readonly store: MetricsStore
  readonly informers: Informers
  readonly clock: Clock
  /** Asks one node; undefined for one that others know of. Rejects when it does not answer. */
  readonly read: (node: string, signal: AbortSignal) => Promise<NodeReading | undefined>
  readonly needs: readonly string[]
  readonly report: (problem: string, error: unknown) => void
}

/** Asks every node for what it and its containers have used, round after round. */
export function metricsComponent(options: MetricsOptions): Component {
  const { store, informers, clock, read, needs, report } = options
  const copies = informers.of(nodes)
  /** Nodes that did not answer the last time: said once. */
  const silent = new Set<string>()

  const readOne = async (name: string, signal: AbortSignal): Promise<readonly [string, NodeReading] | undefined> => {
    const late = new AbortController()
    using _ = clock.after(scrapeInterval * patience, () =>
      late.abort(new DOMException('the node did not answer in time', 'TimeoutError')),
    )
    try {
      const reading = await read(name, AbortSignal.any([signal, late.signal]))
      silent.delete(name)
      return reading === undefined ? undefined : [name, reading]
    } catch (error) {
      if (!signal.aborted && !silent.has(name)) report(`Cannot read what node "${name}" uses`, error)
      silent.add(name)
      return undefined
    }
  }

  return {
    name: 'metrics',
    needs,
    async run(ready, signal) {
      ready()
      try {
        await copies.synced(signal)
        for (let next = clock.now(); !signal.aborted;) {
          const names = copies.list().map(({ metadata }) => metadata.name)
          for (const name of silent) if (!names.includes(name)) silent.delete(name)
          const answers = await Promise.all(names.map((name) => readOne(name, signal)))
          if (signal.aborted) return
          store.take(new Map(answers.filter((answer) => answer !== undefined)))
          next += scrapeInterval
          // After a long pause of the process rounds are not made up for.
          next = Math.max(next, clock.now())
          await clock.sleep(next - clock.now(), signal)
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}
