import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { MicroTime, Time, int32 } from '#api/scalars.ts'
import type { ObjectReference } from './reference.ts'

export interface Event extends TypeMeta {
  /** Name, labels, owners and what else every object carries. */
  metadata: ObjectMeta
  /** @default {} */
  involvedObject: ObjectReference
  reason?: string
  message?: string
  /** @default {} */
  source?: EventSource
  firstTimestamp?: Time
  lastTimestamp?: Time
  count?: int32
  type?: string
  eventTime?: MicroTime
  series?: EventSeries
  action?: string
  related?: ObjectReference
  /** @default "" */
  reportingComponent?: string
  /** @default "" */
  reportingInstance?: string
}

export const events = resource<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  scope: 'Namespaced',
  shortNames: ['ev'],
})

export interface EventSource {
  component?: string
  host?: string
}

export interface EventSeries {
  count?: int32
  lastObservedTime?: MicroTime
}

/** Several objects of kind Event, as a list request returns them. */
export interface EventList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Event[]
}
