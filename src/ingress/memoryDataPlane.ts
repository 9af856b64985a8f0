// A data plane in memory, for tests: it keeps what it was told.
import type { DataPlaneMaker } from './dataPlane.ts'
import type { Applied, Routing } from './routing.ts'

export interface MemoryDataPlane extends DataPlaneMaker {
  /** What has been served, oldest first. */
  readonly applied: readonly Routing[]
  readonly routing: Routing | undefined
  /** What the next routings are answered with. */
  answer: (routing: Routing) => Applied
  readonly isRunning: boolean
}

/** One that counts as `kind`. */
export function memoryDataPlane(kind: DataPlaneMaker['kind'] = 'node'): MemoryDataPlane {
  const applied: Routing[] = []
  let running = false
  const plane: MemoryDataPlane = {
    kind,
    applied,
    get routing() {
      return applied.at(-1)
    },
    answer: () => ({ how: 'in place', left: new Map() }),
    get isRunning() {
      return running
    },
    isAvailable: async () => true,
    async start() {
      running = true
      return {
        kind,
        async apply(routing) {
          const answer = plane.answer(routing)
          applied.push(routing)
          return answer
        },
        async [Symbol.asyncDispose]() {
          running = false
        },
      }
    },
  }
  return plane
}
