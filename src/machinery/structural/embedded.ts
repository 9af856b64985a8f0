// Whole objects inside of custom objects: what is required of their apiVersion, kind and metadata.
import { decodeValue } from '#machinery/codec/schemaDecoder.ts'
import { definitionNamed } from '#machinery/schema/load.ts'
import { isObject, schemaOfField, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { dns1035LabelProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'

/** Checks the metadata of an embedded object; the rules are those of every object. */
export type CheckMetadata = (metadata: JsonObject, report: Report) => void

/** Calls `see` for every embedded object at and below a value. */
function eachEmbedded(
  schema: Schema | undefined,
  value: unknown,
  report: Report,
  see: (object: JsonObject, report: Report) => void,
): void {
  if (schema === undefined || !hasEmbedded(schema)) return
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) eachEmbedded(schema.items, item, report.at(i), see)
  } else if (isObject(value)) {
    if (schema.embeddedResource === true) see(value, report)
    for (const key of Object.keys(value)) {
      const isProperty = schema.properties !== undefined && Object.hasOwn(schema.properties, key)
      const place = isProperty ? report.at(key) : report.key(key)
      eachEmbedded(schemaOfField(schema, key), value[key], place, see)
    }
  }
}

const known = new WeakMap<Schema, boolean>()

function hasEmbedded(schema: Schema): boolean {
  let has = known.get(schema)
  if (has === undefined) {
    const { properties = {}, items, additionalProperties } = schema
    const below = [...Object.values(properties), items, additionalProperties]
    has = schema.embeddedResource === true || below.some((each) => typeof each === 'object' && hasEmbedded(each))
    known.set(schema, has)
  }
  return has
}

/** Gives the metadata of embedded objects, in place, its canonical form. Reports what cannot be read. */
export function coerceEmbedded(schema: Schema, value: unknown, report: Report): void {
  eachEmbedded(schema, value, report, (object, place) => {
    for (const name of ['apiVersion', 'kind']) {
      if (Object.hasOwn(object, name) && typeof object[name] !== 'string') {
        place.at(name).invalid(object[name], 'must be a string')
      }
    }
    if (!Object.hasOwn(object, 'metadata')) return
    const metadata = readMetadata(object['metadata'])
    if ('problem' in metadata) place.at('metadata').invalid(object['metadata'], metadata.problem)
    else object['metadata'] = metadata.value
  })
}

function readMetadata(value: unknown): ReturnType<typeof decodeValue> {
  return decodeValue(definitionNamed('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'), value ?? {})
}

/** Reports what is wrong with embedded objects as objects. */
export function reportEmbedded(schema: Schema, value: unknown, report: Report, checkMetadata: CheckMetadata): void {
  eachEmbedded(schema, value, report, (object, place) => checkEmbedded(object, place, checkMetadata))
}

function checkEmbedded(object: JsonObject, report: Report, checkMetadata: CheckMetadata): void {
  for (const name of ['apiVersion', 'kind']) if (!Object.hasOwn(object, name)) report.at(name).required()
  for (const name of ['apiVersion', 'kind']) {
    if (!Object.hasOwn(object, name)) continue
    const value = object[name]
    const place = report.at(name)
    if (typeof value !== 'string') place.invalid(value, 'must be a string')
    else if (value === '') place.invalid(value, 'must not be empty')
    else if (name === 'apiVersion') {
      if (value.split('/').length > 2) place.invalid(value, `unexpected GroupVersion string: ${value}`)
    } else {
      const problems = dns1035LabelProblems(value.toLowerCase())
      if (problems.length > 0) {
        place.invalid(value, `may have mixed case, but should otherwise match: ${problems.join(',')}`)
      }
    }
  }
  if (!Object.hasOwn(object, 'metadata')) return
  const metadata = readMetadata(object['metadata'])
  const place = report.at('metadata')
  if ('problem' in metadata) place.invalid(object['metadata'], metadata.problem)
  else checkMetadata(metadata.value, place)
}
