import { events, type Event } from '#api/core/v1/event.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import { nameColumn } from '#resources/columns.ts'
import { groupEvents } from '#resources/events/event.ts'
import { ageOf } from '#machinery/humanDuration.ts'
import type { Strategy } from '#server/strategy.ts'

/** How long an event is kept, in seconds. */
export const eventLifetime = 3600

/** Events: what happened to an object, kept for an hour. */
export const eventStrategy: Strategy<Event> = {
  resource: events,
  versions: [groupEvents],
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
  columns: [
    {
      name: 'Last Seen',
      description: 'Time since it happened last.',
      value: ({ series, lastTimestamp, eventTime }, now) =>
        ageOf(series?.lastObservedTime ?? lastTimestamp ?? eventTime, now),
    },
    { name: 'Type', description: 'Normal or Warning.', value: ({ type }) => type ?? '' },
    { name: 'Reason', description: 'What happened, in one word.', value: ({ reason }) => reason ?? '' },
    { name: 'Object', description: 'What it happened to.', value: ({ involvedObject }) => objectText(involvedObject) },
    {
      name: 'Subobject',
      wide: true,
      description: 'Which part of it.',
      value: ({ involvedObject }) => involvedObject.fieldPath ?? '',
    },
    { name: 'Source', wide: true, description: 'Who reports it.', value: sourceText },
    {
      name: 'Message',
      description: 'What happened, in a sentence.',
      value: ({ message }) => (message ?? '').trim(),
    },
    {
      name: 'First Seen',
      wide: true,
      description: 'Time since it happened first.',
      value: ({ firstTimestamp, eventTime }, now) => ageOf(firstTimestamp ?? eventTime, now),
    },
    {
      name: 'Count',
      wide: true,
      description: 'How often it happened.',
      value: ({ series, count }) => `${series?.count ?? count ?? 1}`,
    },
    { ...nameColumn, wide: true },
  ],
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

function objectText({ kind = '', name = '' }: ObjectReference): string {
  return name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || ''
  const host = source?.host || reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}
