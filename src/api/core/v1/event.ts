// Events as the core group shows them; events.k8s.io shows the same objects in another shape.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { MicroTime, Time, int32 } from '#api/scalars.ts'
import type { ObjectReference } from './reference.ts'

/** A note that something happened to an object; removed after an hour or so. */
export interface Event extends TypeMeta {
  /** Name, labels, owners and what else every object carries. */
  metadata: ObjectMeta
  /** What it happened to. @default {} */
  involvedObject: ObjectReference
  /** What happened, in one CamelCase word, for programs. */
  reason?: string
  /** What happened, for people. */
  message?: string
  /** Who noticed it. @default {} */
  source?: EventSource
  /** When it first happened. */
  firstTimestamp?: Time
  /** When it last happened. */
  lastTimestamp?: Time
  /** How often it happened. */
  count?: int32
  /** `Normal` or `Warning`. */
  type?: string
  /** When it first happened, to the microsecond. */
  eventTime?: MicroTime
  /** How it went on; absent when it happened once. */
  series?: EventSeries
  /** What was done about it, or failed. */
  action?: string
  /** A second object that has to do with it. */
  related?: ObjectReference
  /** Which controller reports it, such as `kubernetes.io/kubelet`. @default "" */
  reportingComponent?: string
  /** Which instance of that controller. @default "" */
  reportingInstance?: string
}

/** The kind Event as it is addressed: `events`. */
export const events = resource<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  scope: 'Namespaced',
  shortNames: ['ev'],
})

/** Who noticed an event. */
export interface EventSource {
  /** The program. */
  component?: string
  /** The node that it runs on. */
  host?: string
}

/** How an event went on. */
export interface EventSeries {
  /** How often it has happened so far. */
  count?: int32
  /** When it last happened. */
  lastObservedTime?: MicroTime
}

/** Several objects of kind Event, as a list request returns them. */
export interface EventList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Event[]
}
