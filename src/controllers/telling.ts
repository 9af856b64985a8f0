import type { KubeObject, Resource } from '#api/resource.ts'
import type { Outcome } from '#client/controller.ts'
import { referenceTo, type EventRecorder } from '#client/events.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import type { ControllerContext } from './context.ts'

/** What is told about an object, as an event. */
export interface Note {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** Events are kept for an hour: what still holds is said again before it is forgotten. In milliseconds. */
const repeatAfter = 45 * 60_000

/** Says why objects are not as asked: as events, once for each change, and as typed causes. */
export class Telling {
  readonly #context: Pick<ControllerContext, 'clock' | 'causes'>
  readonly #recorder: EventRecorder
  readonly #component: string
  /** By kind and key: what was said last, of which object, and when. */
  readonly #said = new Map<string, { readonly text: string; readonly at: number }>()

  constructor(context: Pick<ControllerContext, 'clock' | 'causes'>, recorder: EventRecorder, component: string) {
    this.#context = context
    this.#recorder = recorder
    this.#component = component
  }

  /** Says what holds now, unless that was said before and is still to be read. */
  tell<T extends KubeObject>(resource: Resource<T>, object: T, note: Note, remedy?: string): Outcome {
    const place = `${resource.kind} ${keyOf(object.metadata)}`
    const text = [object.metadata.uid, note.reason, note.message].join('\n')
    const now = this.#context.clock.now()
    const said = this.#said.get(place)
    const isKnown = said?.text === text && now - said.at < repeatAfter
    if (!isKnown) {
      this.#said.set(place, { text, at: now })
      this.tellOnce(resource, object, note, remedy)
    }
    return { after: repeatAfter - (isKnown ? now - said.at : 0) }
  }

  /** Says what just happened. */
  tellOnce<T extends KubeObject>(resource: Resource<T>, object: T, note: Note, remedy?: string): void {
    this.#recorder.record(referenceTo(resource, object), note)
    const { reason, message } = note
    const cause = { reason, message, ...(remedy === undefined ? {} : { remedy }) }
    this.#context.causes.record({ kind: resource.kind, ...nameOfKey(keyOf(object.metadata)) }, this.#component, cause)
  }

  /** All is as asked. */
  settled<T extends KubeObject>(resource: Resource<T>, { metadata }: T): void {
    this.gone(resource.kind, keyOf(metadata))
  }

  gone(kind: string, key: string): void {
    this.#said.delete(`${kind} ${key}`)
    this.#context.causes.clear({ kind, ...nameOfKey(key) }, this.#component)
  }
}
