import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { KubeObject } from '#api/resource.ts'
import { ageOf } from '#machinery/humanDuration.ts'
import type { Column } from '#server/strategy.ts'

/** What both forms of an event say, in one shape. */
export interface EventFacts {
  readonly object: ObjectReference | undefined
  readonly type: string | undefined
  readonly reason: string | undefined
  readonly message: string | undefined
  readonly component: string | undefined
  readonly host: string | undefined
  readonly first: string | undefined
  readonly last: string | undefined
  readonly count: number | undefined
}

/** The columns of `kubectl get events`, for either form. */
export function eventColumns<T extends KubeObject>(
  factsOf: (event: T) => EventFacts,
  nameColumn: Column,
): readonly Column<T>[] {
  return [
    {
      name: 'Last Seen',
      description: 'Time since it happened last.',
      value: (event, now) => ageOf(factsOf(event).last, now),
    },
    { name: 'Type', description: 'Normal or Warning.', value: (event) => factsOf(event).type ?? '' },
    { name: 'Reason', description: 'What happened, in one word.', value: (event) => factsOf(event).reason ?? '' },
    { name: 'Object', description: 'What it happened to.', value: (event) => objectText(factsOf(event).object) },
    {
      name: 'Subobject',
      wide: true,
      description: 'Which part of it.',
      value: (event) => factsOf(event).object?.fieldPath ?? '',
    },
    { name: 'Source', wide: true, description: 'Who reports it.', value: (event) => sourceText(factsOf(event)) },
    {
      name: 'Message',
      description: 'What happened, in a sentence.',
      value: (event) => (factsOf(event).message ?? '').trim(),
    },
    {
      name: 'First Seen',
      wide: true,
      description: 'Time since it happened first.',
      value: (event, now) => ageOf(factsOf(event).first, now),
    },
    {
      name: 'Count',
      wide: true,
      description: 'How often it happened.',
      value: (event) => `${factsOf(event).count ?? 1}`,
    },
    { ...nameColumn, wide: true },
  ]
}

function objectText(object: ObjectReference | undefined): string {
  const kind = (object?.kind ?? '').toLowerCase()
  return (object?.name ?? '') === '' ? kind : `${kind}/${object!.name}`
}

function sourceText({ component = '', host = '' }: EventFacts): string {
  return host === '' ? component : `${component}, ${host}`
}
