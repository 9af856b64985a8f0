import { events, type Event } from '#api/events/v1/event.ts'
import { nameColumn } from '#resources/columns.ts'
import { eventLifetime } from '#resources/core/event.ts'
import { eventColumns } from '#resources/events/columns.ts'
import type { Strategy } from '#server/strategy.ts'

/** Events in the form of the `events.k8s.io` group. */
export const groupEventStrategy: Strategy<Event> = {
  resource: events,
  ttlSeconds: eventLifetime,
  createOnUpdate: true,
  unconditionalUpdate: true,
  generation: false,
  selectableFields: {
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    'regarding.name': ({ regarding }) => regarding?.name ?? '',
    'regarding.namespace': ({ regarding }) => regarding?.namespace ?? '',
    'regarding.kind': ({ regarding }) => regarding?.kind ?? '',
    'regarding.uid': ({ regarding }) => regarding?.uid ?? '',
    type: ({ type }) => type ?? '',
  },
  columns: eventColumns<Event>(
    (event) => ({
      object: event.regarding,
      type: event.type,
      reason: event.reason,
      message: event.note,
      component: event.reportingController || event.deprecatedSource?.component,
      host: event.reportingInstance || event.deprecatedSource?.host,
      first: event.deprecatedFirstTimestamp ?? event.eventTime,
      last: event.series?.lastObservedTime ?? event.deprecatedLastTimestamp ?? event.eventTime,
      count: event.series?.count ?? event.deprecatedCount,
    }),
    nameColumn,
  ),
}
