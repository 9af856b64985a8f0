// The rules of custom objects, in upstream's order: schema, scale, embedded objects, lists, expressions.
import type { CustomResourceSubresourceScale } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { objectLimit } from '#machinery/cel/environment.ts'
import { validateRules } from '#machinery/cel/evaluateRules.ts'
import { isObject, schemaOfField, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { reportEmbedded } from '#machinery/structural/embedded.ts'
import { reportLists } from '#machinery/structural/lists.ts'
import { reportValue } from '#machinery/structural/reportValue.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import { validateEmbeddedMetadata } from '#machinery/validate/objectMeta.ts'
import { createReport, type FieldProblem, type ProblemType, type Report } from '#machinery/validate/report.ts'

type Scale = CustomResourceSubresourceScale | undefined

/** The schema of a version, and where its scale is. */
export interface CheckedForm {
  readonly schema: Schema
  readonly scale: Scale
  /** Whether the schema has expressions. */
  readonly hasRules: boolean
  /** Told of broken rules that are forgiven. */
  readonly warn: (text: string) => void
}

/** Checks an object that is new, or that is to replace `old`. What it has of `old` may stay as it is. */
export function checkObject(form: CheckedForm, object: KubeObject, old: KubeObject | undefined, report: Report): void {
  const { schema, scale } = form
  checkAll(form, object, old, report, (place) => {
    reportValue(schema, object, old, place)
    if (scale !== undefined) {
      checkReplicas(object, scale.specReplicasPath, place)
      checkScaleStatus(object, scale, place)
    }
    reportEmbedded(schema, object, place, checkMetadata)
  })
}

/** Checks an object of which only the status may have changed. */
export function checkStatus(form: CheckedForm, object: KubeObject, old: KubeObject, report: Report): void {
  const { schema, scale } = form
  checkAll(form, object, old, report, (place) => {
    const status = (object as { status?: unknown }).status
    const before = (old as { status?: unknown }).status
    const own = schemaOfField(schema, 'status')
    if (status !== undefined && own !== undefined) reportValue(own, status, before, place.at('status'))
    if (scale !== undefined) checkScaleStatus(object, scale, place)
  })
}

/** What makes the rules of a schema not worth asking. */
const blocking: ReadonlySet<ProblemType> = new Set(['NotSupported', 'Required', 'TooLong', 'TooMany', 'TypeInvalid'])

/** The checks of all writes, after those of one. Rules are not asked about objects of another form than they expect. */
function checkAll(
  { schema, hasRules, warn }: CheckedForm,
  object: KubeObject,
  old: KubeObject | undefined,
  report: Report,
  first: (report: Report) => void,
): void {
  if (!hasRules) {
    first(report)
    return checkLists(schema, object, old, report)
  }
  const found = createReport()
  first(found.report)
  checkLists(schema, object, old, found.report)
  for (const each of found.problems) retell(each, report)
  if (!found.problems.some(({ type }) => blocking.has(type))) {
    return validateRules(schema, object, old, report, { budget: objectLimit, warn })
  }
  const problem =
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'
  report.invalid(null, problem)
}

function retell({ type, field, detail, value }: FieldProblem, report: Report): void {
  report.at(field).problem(type, detail, value)
}

/** Lists that were wrong before may stay wrong. */
function checkLists(schema: Schema, object: KubeObject, old: KubeObject | undefined, report: Report): void {
  const now = createReport()
  reportLists(schema, object, now.report)
  if (now.problems.length === 0) return
  if (old !== undefined) {
    const before = createReport()
    reportLists(schema, old, before.report)
    if (before.problems.length > 0) return
  }
  for (const each of now.problems) retell(each, report)
}

function checkMetadata(metadata: JsonObject, report: Report): void {
  validateEmbeddedMetadata(metadata as unknown as ObjectMeta, report)
}

/** What an object holds at a path such as `.spec.replicas`. */
export function valueAt(object: object, path: string): unknown {
  let at: unknown = object
  for (const name of path.slice(1).split('.')) at = isObject(at) ? ownValue(at as JsonObject, name) : undefined
  return at
}

const mostReplicas = 2 ** 31 - 1

function checkReplicas(object: KubeObject, path: string, report: Report): void {
  const value = valueAt(object, path)
  if (value === undefined) return
  const place = report.at(path)
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    place.invalid(0, `${path} accessor error: ${JSON.stringify(value)} is of the type ${goType(value)}, expected int64`)
  } else if (value < 0) place.invalid(value, 'should be a non-negative integer')
  else if (value > mostReplicas) place.invalid(value, `should be less than or equal to ${mostReplicas}`)
}

function checkScaleStatus(object: KubeObject, scale: CustomResourceSubresourceScale, report: Report): void {
  checkReplicas(object, scale.statusReplicasPath, report)
  const path = scale.labelSelectorPath
  if (path === undefined || path === '') return
  const value = valueAt(object, path)
  if (value === undefined || typeof value === 'string') return
  const problem = `${path} accessor error: ${JSON.stringify(value)} is of the type ${goType(value)}, expected string`
  report.at(path).invalid('', problem)
}

/** How Go names the type of a value. */
export function goType(value: unknown): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64'
    case 'boolean':
      return 'bool'
    case 'object':
      return 'map[string]interface {}'
    default:
      return 'string'
  }
}

/** Finalizers that others might use too are only warned of: objects with them exist. */
export function finalizerWarnings({ metadata }: KubeObject, old: KubeObject | undefined): string[] {
  const before = new Set(old?.metadata.finalizers)
  const added = (metadata.finalizers ?? []).filter((each) => !before.has(each)).toSorted()
  return added.flatMap((name) => {
    const place = `metadata.finalizers: ${JSON.stringify(name)}:`
    const texts = qualifiedNameProblems(name).map((problem) => `${place} ${problem}`)
    if (!name.includes('/') && !['kubernetes', 'orphan', 'foregroundDeletion'].includes(name)) {
      const form = name.includes('.') ? ' including a path (/)' : ''
      texts.push(
        `${place} prefer a domain-qualified finalizer name${form} to avoid accidental conflicts with other finalizer writers`,
      )
    }
    return texts
  })
}
