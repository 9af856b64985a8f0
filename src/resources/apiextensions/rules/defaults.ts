// Defaults must be what the schema would let pass, and lose nothing by it.
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { objectLimit } from '#machinery/cel/environment.ts'
import { hasRules, validateRules } from '#machinery/cel/evaluateRules.ts'
import { isObject, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { coerceEmbedded, reportEmbedded } from '#machinery/structural/embedded.ts'
import { prune } from '#machinery/structural/prune.ts'
import { reportValue } from '#machinery/structural/reportValue.ts'
import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'
import { validateEmbeddedMetadata } from '#machinery/validate/objectMeta.ts'

/** The object around a default within metadata, so that the whole can be checked. */
type Surround = (value: unknown) => JsonObject

const emptyObject: Surround = (value) => ({
  apiVersion: 'validation/v1',
  kind: 'Validation',
  ...(isObject(value) ? value : {}),
})

/** Checks every default of a schema. `mustBePruned`: fields that the schema does not know are refused. */
export function checkDefaults(schema: Schema, mustBePruned: boolean, report: Report): void {
  const root: Schema = { ...schema, embeddedResource: true }
  check(root, { root, surround: emptyObject, insideMetadata: false, mustBePruned }, report)
}

interface Context {
  /** The nearest whole object. */
  readonly root: Schema
  readonly surround: Surround
  readonly insideMetadata: boolean
  readonly mustBePruned: boolean
}

const objectFields = new Set(['metadata', 'apiVersion', 'kind'])

function check(schema: Schema, context: Context, report: Report): void {
  const here: Context =
    schema.embeddedResource === true
      ? { ...context, root: schema, surround: emptyObject, insideMetadata: false }
      : context
  if (schema.default !== undefined) {
    if (here.insideMetadata) checkInMetadata(schema, here, report.at('default'))
    else checkDefault(schema, here.mustBePruned, report.at('default'))
  }
  // Maps have none: there is nothing that they could be filled into.
  if (schema.items !== undefined) {
    check(schema.items, { ...here, surround: (value) => here.surround([value]) }, report.at('items'))
  }
  for (const [name, below] of Object.entries(schema.properties ?? {})) {
    const insideMetadata = here.insideMetadata || (schema.embeddedResource === true && objectFields.has(name))
    const surround: Surround = (value) => here.surround({ [name]: value })
    check(below, { ...here, insideMetadata, surround }, report.at('properties').key(name))
  }
}

function checkDefault(schema: Schema, mustBePruned: boolean, place: Report): void {
  const value = structuredClone(schema.default)
  const isWhole = schema.embeddedResource === true
  if (mustBePruned) {
    prune(schema, value, isWhole)
    if (!sameJson(value, schema.default)) place.invalid(schema.default, 'must not have unknown fields')
  }
  const whole = structuredClone(schema.default)
  const inner = createReport(place.path)
  coerceEmbedded(schema, whole, inner.report)
  if (inner.problems.length === 0) reportEmbedded(schema, whole, inner.report, checkMetadata)
  if (inner.problems.length === 0) checkAsValue(schema, place)
  else for (const { field, type, detail, value: wrong } of inner.problems) pass(place, field, type, detail, wrong)
}

/** A default is a value like one that a user wrote: one that stays, and one that is new. */
function checkAsValue(schema: Schema, place: Report): void {
  const { report, problems } = createReport(place.path)
  reportValue(schema, schema.default, undefined, report)
  if (problems.length === 0 && hasRules(schema)) {
    const isPart = schema.embeddedResource !== true
    for (const old of [schema.default, undefined]) {
      if (problems.length === 0) validateRules(schema, schema.default, old, report, { budget: objectLimit, isPart })
    }
  }
  for (const { field, type, detail, value } of problems) pass(place, field, type, detail, value)
}

/** Repeats a problem that was found under its full path. */
function pass(place: Report, field: string, ...problem: Parameters<Report['problem']>): void {
  const below = field.slice(place.path.length).replace(/^\./, '')
  if (below === '') place.problem(...problem)
  else if (below.startsWith('[')) place.key(below.slice(1, -1)).problem(...problem)
  else place.at(below).problem(...problem)
}

function checkInMetadata(schema: Schema, { root, surround }: Context, place: Report): void {
  const object = surround(structuredClone(schema.default))
  const { report, problems } = createReport()
  coerceEmbedded(root, object, report)
  if (problems.length === 0) reportEmbedded(root, object, report, checkMetadata)
  if (problems.length === 0) return reportValue(schema, schema.default, undefined, place)
  const texts = problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
  const text = texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
  place.invalid(schema.default, `must result in valid metadata: ${text}`)
}

function checkMetadata(metadata: JsonObject, report: Report): void {
  validateEmbeddedMetadata(metadata as unknown as ObjectMeta, report)
}
