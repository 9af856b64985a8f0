// Events as the group events.k8s.io shows them; the core group shows the same objects in another shape.
import { resource } from '#api/resource.ts'
import type { EventSource } from '#api/core/v1/event.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { MicroTime, Time, int32 } from '#api/scalars.ts'

/** A note that something happened to an object; removed after an hour or so. */
export interface Event extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** When it first happened. */
  eventTime: MicroTime
  /** How it went on; absent when it happened once. */
  series?: EventSeries
  /** Which controller reports it, such as `kubernetes.io/kubelet`. */
  reportingController?: string
  /** Which instance of that controller. */
  reportingInstance?: string
  /** What was done about it, or failed; in one word. */
  action?: string
  /** Why it was done; in one word. */
  reason?: string
  /** What it happened to. @default {} */
  regarding?: ObjectReference
  /** A second object that has to do with it. */
  related?: ObjectReference
  /** What happened, for people; at most a kilobyte. */
  note?: string
  /** `Normal` or `Warning`. */
  type?: string
  /** `source` of the core shape. @default {} */
  deprecatedSource?: EventSource
  /** `firstTimestamp` of the core shape. */
  deprecatedFirstTimestamp?: Time
  /** `lastTimestamp` of the core shape. */
  deprecatedLastTimestamp?: Time
  /** `count` of the core shape. */
  deprecatedCount?: int32
}

/** The kind Event as it is addressed: `events` of events.k8s.io. */
export const events = resource<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  scope: 'Namespaced',
  shortNames: ['ev'],
})

/** How an event went on. */
export interface EventSeries {
  /** How often it has happened so far. */
  count: int32
  /** When it last happened. */
  lastObservedTime: MicroTime
}

/** Several objects of kind Event, as a list request returns them. */
export interface EventList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Event[]
}
