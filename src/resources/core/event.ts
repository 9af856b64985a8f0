import { events, type Event } from '#api/core/v1/event.ts'
import { nameColumn } from '#resources/columns.ts'
import { eventColumns, type EventFacts } from '#resources/events/columns.ts'
import type { Strategy } from '#server/strategy.ts'

/** How long an event is kept, in seconds. */
export const eventLifetime = 3600

/** Events: what happened to an object, kept for an hour. */
export const eventStrategy: Strategy<Event> = {
  resource: events,
  nameRule: 'dns-subdomain',
  ttlSeconds: eventLifetime,
  createOnUpdate: true,
  unconditionalUpdate: true,
  generation: false,
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
  columns: eventColumns<Event>(factsOf, nameColumn),
  validate({ involvedObject, metadata }, _old, report) {
    const namespace = involvedObject.namespace ?? ''
    const expected = namespace === '' ? 'default' : namespace
    if (
      metadata.namespace !== undefined &&
      metadata.namespace !== expected &&
      !(namespace === '' && metadata.namespace === 'kube-system')
    ) {
      report.at('involvedObject', 'namespace').invalid(namespace, 'does not match event.namespace')
    }
  },
}

function factsOf(event: Event): EventFacts {
  return {
    object: event.involvedObject,
    type: event.type,
    reason: event.reason,
    message: event.message,
    component: event.source?.component || event.reportingComponent,
    host: event.source?.host || event.reportingInstance,
    first: event.firstTimestamp ?? event.eventTime,
    last: event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime,
    count: event.series?.count ?? event.count,
  }
}
