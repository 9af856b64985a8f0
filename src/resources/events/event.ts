import type { Event as CoreEvent } from '#api/core/v1/event.ts'
import { events, type Event } from '#api/events/v1/event.ts'
import type { ContentOf, OtherVersion } from '#server/strategy.ts'

/** Events as the group `events.k8s.io` calls their parts. */
export const groupEvents: OtherVersion<CoreEvent, Event> = {
  resource: events,
  up(event) {
    const form: Record<string, unknown> = { involvedObject: {} }
    for (const name of shared) if (event[name] !== undefined) form[name] = event[name]
    for (const [core, group] of Object.entries(names)) if (event[group] !== undefined) form[core] = event[group]
    return form as unknown as ContentOf<CoreEvent>
  },
  down(event) {
    const form: Record<string, unknown> = {}
    for (const name of shared) if (event[name] !== undefined) form[name] = event[name]
    for (const [core, group] of Object.entries(names)) {
      const value = event[core as keyof typeof names]
      if (value !== undefined) form[group] = value
    }
    return form as unknown as ContentOf<Event>
  },
  selectableFields: {
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingComponent }) => reportingComponent ?? '',
    'regarding.name': ({ involvedObject }) => involvedObject.name ?? '',
    'regarding.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'regarding.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'regarding.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    type: ({ type }) => type ?? '',
  },
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
