import { yieldToEventLoop } from './yield.ts'

/** Work in steps, between which others may run: `const steps = function* () { part(); yield; return rest() }` */
export type Steps<T> = Generator<void, T, void>

/** Does all steps behind each other. */
export function doAtOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Does each step in a turn of the event loop of its own. */
export async function doInTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await yieldToEventLoop()
  }
}
