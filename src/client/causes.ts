import type { KubeObject, Resource } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'

/** Which object a cause is about. */
export interface CauseSubject {
  readonly kind: string
  readonly namespace?: string
  readonly name: string
}

/** An object as the one that a cause is about. */
export function subjectOf(
  { kind }: Pick<Resource, 'kind'>,
  { metadata: { namespace, name } }: Pick<KubeObject, 'metadata'>,
): CauseSubject {
  return namespace === undefined ? { kind, name } : { kind, namespace, name }
}

/** Why a component does not do what an object asks for, and what would change that. */
export interface Cause {
  /** A stable word for the cause, such as `ProgressDeadlineExceeded`. */
  readonly reason: string
  /** One sentence for a person. */
  readonly message: string
  /** What would change the answer, as an action of the reader. */
  readonly remedy?: string
  /** Other objects that have to do with it. */
  readonly involves?: readonly CauseSubject[]
  /** What each of several objects has to do with it, such as nodes that will not take a pod; those nearest to it first. */
  readonly parts?: readonly CausePart[]
}

/** What one object has to do with a cause. */
export interface CausePart {
  readonly subject: CauseSubject
  /** Everything about it that would have to change, at least one. */
  readonly obstacles: readonly Obstacle[]
}

export interface Obstacle {
  /** A few words for a person, such as `Insufficient cpu`. */
  readonly message: string
  /** What would remove it, as an action of the reader: `free 500m cpu on node-2`. */
  readonly remedy?: string
  /** The same for a program, by names that go with `kind`. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>
}

export interface RecordedCause extends Cause {
  readonly component: string
  /** Milliseconds since the epoch when it was first given in a row. */
  readonly since: number
}

/** The most objects with causes kept; the ones untouched for longest are dropped. */
const mostSubjects = 10_000

/**
 * What each component of this process last said about why an object is not as asked. At most one cause for each object
 * and component; saying the same again keeps its beginning.
 */
export class Causes {
  readonly #clock: Clock
  readonly #bySubject = new Map<string, Map<string, RecordedCause>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  record(subject: CauseSubject, component: string, cause: Cause): void {
    const key = subjectKey(subject)
    const causes = this.#bySubject.get(key) ?? new Map<string, RecordedCause>()
    const before = causes.get(component)
    const since = before !== undefined && before.reason === cause.reason ? before.since : this.#clock.now()
    causes.set(component, { ...cause, component, since })
    this.#bySubject.delete(key)
    this.#bySubject.set(key, causes)
    if (this.#bySubject.size > mostSubjects) {
      for (const oldest of this.#bySubject.keys()) {
        this.#bySubject.delete(oldest)
        break
      }
    }
  }

  /** The component has nothing more to say about the object. */
  clear(subject: CauseSubject, component: string): void {
    const key = subjectKey(subject)
    const causes = this.#bySubject.get(key)
    if (causes === undefined) return
    causes.delete(component)
    if (causes.size === 0) this.#bySubject.delete(key)
  }

  of(subject: CauseSubject): readonly RecordedCause[] {
    return [...(this.#bySubject.get(subjectKey(subject))?.values() ?? [])]
  }
}

function subjectKey(subject: CauseSubject): string {
  return `${subject.kind}/${subject.namespace ?? ''}/${subject.name}`
}
