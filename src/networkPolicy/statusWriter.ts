/** Writes what this node has to say of admin policies into their status, once it is true, and again when it is another. */
import type { Resource } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { WorkQueue } from '#lib/async/workQueue.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { timeText } from '#machinery/time.ts'

import type { AdminPolicy } from './adminPolicies.ts'
import { planConditions } from './status.ts'
import type { Outcome } from './status.ts'

/** All nodes write into the same objects, so each waits by chance for up to so long for each node that there is. */
const spreadMs = { perNode: 20, most: 10_000 }

export interface StatusWriterOptions {
  readonly client: Client
  readonly nodeName: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  list(): readonly (readonly [AdminPolicy, Resource<AdminPolicy>])[]
  /** The names of all nodes. */
  nodes(): ReadonlySet<string>
  /** Whether this is the node that removes what nodes said which are there no more. */
  readonly removesGone: boolean
}

export interface StatusWriter {
  /** Tells what became of policies, by uid. */
  tell(outcomes: ReadonlyMap<string, Outcome>): void
  /** A status may be another. */
  look(): void
  /** Writes until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

export function statusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, nodeName, clock, random, log, list, nodes, removesGone } = options
  const queue = new WorkQueue<'write'>({ clock, backoff: exponentialBackoff({ first: 500, most: 60_000 }) })
  let outcomes: ReadonlyMap<string, Outcome> = new Map()

  /** The change of each policy that does not say what it should. */
  const planned = () => {
    const known = nodes()
    const isGone = (node: string): boolean => known.size > 0 && !known.has(node)
    const now = timeText(clock.now())
    return list().flatMap(([policy, resource]) => {
      const outcome = outcomes.get(policy.metadata.uid ?? '')
      // What is newer is not in force yet, and told when it is.
      if (outcome === undefined || outcome.generation !== policy.metadata.generation) return []
      const input = { node: nodeName, outcome, now, ...(removesGone ? { isGone } : {}) }
      const conditions = planConditions(policy, input)
      return conditions === undefined ? [] : [{ policy, resource, conditions }]
    })
  }
  const write = async (signal: AbortSignal): Promise<boolean> => {
    let isDone = true
    for (const { policy, resource, conditions } of planned()) {
      const { name, resourceVersion } = policy.metadata
      const body = { metadata: { resourceVersion }, status: { conditions } }
      try {
        await client.patchStatus(resource, { name: name! }, { type: 'merge', body }, { signal })
      } catch (error) {
        if (signal.aborted) throw error
        // It has gone, or its definition gives it no status.
        if (isReason(error, 'NotFound')) continue
        isDone = false
        // Another node was faster; what it wrote comes.
        if (!isReason(error, 'Conflict'))
          log.warn('Cannot write the status of an admin policy', { policy: name, error })
      }
    }
    return isDone
  }
  const look = (): void => {
    if (planned().length === 0) return
    const most = Math.min(spreadMs.perNode * Math.max(1, nodes().size), spreadMs.most)
    queue.addAfter('write', random.next() * most)
  }
  return {
    tell(next) {
      outcomes = next
      look()
    },
    look,
    async run(signal) {
      const stop = (): void => queue.close()
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
      for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
        try {
          if (await write(signal)) queue.forget(key)
          else queue.retry(key)
        } catch {
          // Only the signal ends it.
        }
        queue.done(key)
      }
      signal.removeEventListener('abort', stop)
    },
  }
}
