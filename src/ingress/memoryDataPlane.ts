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
  /** How often it was started. */
  readonly starts: number
  /** Ends it as a crash would. */
  end(error: Error): void
}

/** One that counts as `kind`. */
export function memoryDataPlane(kind: DataPlaneMaker['kind'] = 'node'): MemoryDataPlane {
  const applied: Routing[] = []
  let running = false
  let starts = 0
  let onEnd: (error: Error) => void = () => {}
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
    get starts() {
      return starts
    },
    end: (error) => onEnd(error),
    async start(options) {
      running = true
      starts++
      ;({ onEnd } = options)
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
