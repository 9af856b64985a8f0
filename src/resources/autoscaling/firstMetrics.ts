// Measures as v1 notes them in annotations: flat, with the word `target` or `current` within the names.
import type { MetricSpec, MetricStatus } from '#api/autoscaling/v2/metric.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'

type Word = 'target' | 'current'

/** For each kind of measure its fields in v1, in their order, with where v2 has them. `?` stands for the word. */
const fields: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  object: [
    ['target', 'describedObject'],
    ['metricName', 'metric.name'],
    ['?Value', '?.value'],
    ['selector', 'metric.selector'],
    ['averageValue', '?.averageValue'],
  ],
  pods: [
    ['metricName', 'metric.name'],
    ['?AverageValue', '?.averageValue'],
    ['selector', 'metric.selector'],
  ],
  resource: [
    ['name', 'name'],
    ['?AverageUtilization', '?.averageUtilization'],
    ['?AverageValue', '?.averageValue'],
  ],
  containerResource: [
    ['name', 'name'],
    ['?AverageUtilization', '?.averageUtilization'],
    ['?AverageValue', '?.averageValue'],
    ['container', 'container'],
  ],
  external: [
    ['metricName', 'metric.name'],
    ['metricSelector', 'metric.selector'],
    ['?Value', '?.value'],
    ['?AverageValue', '?.averageValue'],
  ],
}

/** Amounts that v1 cannot leave out: it writes 0. */
const always: readonly string[] = [
  'object.targetValue',
  'pods.targetAverageValue',
  'object.currentValue',
  'pods.currentAverageValue',
  'resource.currentAverageValue',
  'containerResource.currentAverageValue',
  'external.currentValue',
]

/** A measure in the form of v1. */
export function metricToFirst(metric: MetricSpec | MetricStatus, word: Word): JsonObject {
  const form: JsonObject = { type: metric.type }
  for (const [kind, names] of Object.entries(fields)) {
    const source = metric[kind as keyof typeof metric] as unknown as JsonObject | undefined
    if (source === undefined) continue
    const flat: JsonObject = {}
    for (const [first, path] of names) {
      const name = first.startsWith('?') ? word + first.slice(1) : first
      const value = at(source, path.replace('?', word)) ?? (always.includes(`${kind}.${name}`) ? '0' : undefined)
      if (value !== undefined) flat[name] = value
    }
    form[kind] = flat
  }
  return form
}

/** A measure from the form of v1, which may be anything: the schema of v2 has to be asked about the result. */
export function metricFromFirst(noted: unknown, word: Word): unknown {
  if (!isObject(noted)) return noted
  const metric: JsonObject = { type: noted['type'] }
  for (const [kind, names] of Object.entries(fields)) {
    const flat = noted[kind]
    if (!isObject(flat)) continue
    const source: JsonObject = { [word]: {} }
    for (const [first, path] of names) {
      const name = first.startsWith('?') ? word + first.slice(1) : first
      const value = Object.hasOwn(flat, name) ? flat[name] : undefined
      if (value === undefined || (value === '0' && always.includes(`${kind}.${name}`))) continue
      const [part = '', rest] = path.replace('?', word).split('.')
      if (rest === undefined) source[part] = value
      else source[part] = { ...(source[part] as JsonObject | undefined), [rest]: value }
    }
    if (word === 'target')
      source['target'] = { type: targetTypeOf(source['target'] as JsonObject), ...(source['target'] as JsonObject) }
    metric[kind] = source
  }
  return metric
}

function targetTypeOf(target: JsonObject): string {
  if (target['averageUtilization'] !== undefined) return 'Utilization'
  return target['averageValue'] === undefined ? 'Value' : 'AverageValue'
}

function at(source: JsonObject, path: string): unknown {
  const [part = '', rest] = path.split('.')
  return rest === undefined ? source[part] : (source[part] as JsonObject | undefined)?.[rest]
}
