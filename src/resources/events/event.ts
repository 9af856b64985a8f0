import { events as coreEvents, type Event as CoreEvent } from '#api/core/v1/event.ts'
import { events, type Event } from '#api/events/v1/event.ts'
import { nameColumn } from '#resources/columns.ts'
import { eventLifetime } from '#resources/core/event.ts'
import { eventColumns } from './columns.ts'
import type { Strategy } from '#server/strategy.ts'

/** Events in the form of the `events.k8s.io` group. */
export const groupEventStrategy: Strategy<Event> = {
  resource: events,
  storedAs: { resource: coreEvents, read: groupFormOf, write: coreFormOf },
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

/** The words by which the group calls what core events call otherwise. */
const names = {
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
  reportingComponent: 'reportingController',
} as const satisfies Partial<Record<keyof CoreEvent, keyof Event>>

/** What both forms call the same. */
const shared = ['eventTime', 'series', 'reportingInstance', 'action', 'reason', 'related', 'type'] as const

function groupFormOf(event: CoreEvent): Omit<Event, 'metadata' | 'kind' | 'apiVersion'> {
  const form: Record<string, unknown> = {}
  for (const name of shared) if (event[name] !== undefined) form[name] = event[name]
  for (const [core, group] of Object.entries(names)) {
    const value = event[core as keyof CoreEvent]
    if (value !== undefined) form[group] = value
  }
  return form as unknown as Event
}

function coreFormOf(event: Event): Omit<CoreEvent, 'metadata' | 'kind' | 'apiVersion'> {
  const form: Record<string, unknown> = { involvedObject: {} }
  for (const name of shared) if (event[name] !== undefined) form[name] = event[name]
  for (const [core, group] of Object.entries(names)) {
    const value = event[group]
    if (value !== undefined) form[core] = value
  }
  return form as unknown as CoreEvent
}
