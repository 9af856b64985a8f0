import { resource } from '#api/resource.ts'
import type { EventSource } from '#api/core/v1/event.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { MicroTime, Time, int32 } from '#api/scalars.ts'

export interface Event extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  eventTime: MicroTime
  series?: EventSeries
  reportingController?: string
  reportingInstance?: string
  action?: string
  reason?: string
  /** @default {} */
  regarding?: ObjectReference
  related?: ObjectReference
  note?: string
  type?: string
  /** @default {} */
  deprecatedSource?: EventSource
  deprecatedFirstTimestamp?: Time
  deprecatedLastTimestamp?: Time
  deprecatedCount?: int32
}

export const events = resource<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  scope: 'Namespaced',
  shortNames: ['ev'],
})

export interface EventSeries {
  count: int32
  lastObservedTime: MicroTime
}

/** Several objects of kind Event, as a list request returns them. */
export interface EventList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Event[]
}
