// How a schema divides objects into fields that can have owners: structs and maps by name, lists by key or by value, and
// what is atomic not at all. Everything that walks objects for the sake of owners walks along these shapes.
import { definitionNamed } from '#machinery/schema/load.ts'
import { isObject, type Schema } from '#machinery/schema/model.ts'
import { keyText, valueStep } from './fieldSteps.ts'

/** What a value without members may be; `any` is never looked into. */
export type ScalarType = 'string' | 'numeric' | 'boolean' | 'untyped' | 'any'

/** A field of a struct. */
export interface Field {
  readonly name: string
  readonly step: string
  /** The step as a key of JSON, with its colon. */
  readonly key: string
  /** Where the field comes in the order of names. */
  readonly rank: number
  /** Undefined: nobody owns it. */
  readonly shape: Shape | undefined
}

/** The step to an item of a list, or why it has none. */
export type StepOf = (item: unknown) => string | { readonly problem: string }

/** How values of one schema divide. What is below is made when it is asked for, because types contain themselves. */
export interface Shape {
  readonly scalar: ScalarType | undefined
  /** A map, struct or list that has one owner as a whole. */
  readonly isAtomic: boolean
  readonly takesObjects: boolean
  readonly takesLists: boolean
  /** The fields that an object may have … */
  readonly fields: ReadonlyMap<string, Field>
  /** … and what any other member is; undefined: there are no others. */
  readonly values: Shape | undefined
  readonly items: Shape
  /** How the items of a list are told apart; undefined: the list is atomic. */
  readonly step: StepOf | undefined
  /** The fields by which items are told apart; none where items are scalars. */
  readonly keys: readonly string[]
}

const noFields: ReadonlyMap<string, Field> = new Map()

/** Anything of which the schema knows nothing: objects by their members, lists as a whole. */
const openShape: Shape = {
  scalar: 'untyped',
  isAtomic: false,
  takesObjects: true,
  takesLists: true,
  fields: noFields,
  get values() {
    return openShape
  },
  get items() {
    return openShape
  },
  step: undefined,
  keys: [],
}

const shapes = new WeakMap<Schema, Shape>()

/** The shape of the values of a schema. */
export function shapeOf(schema: Schema): Shape {
  let shape = shapes.get(schema)
  if (shape === undefined) shapes.set(schema, (shape = new SchemaShape(schema)))
  return shape
}

const objectShapes = new WeakMap<Schema, Shape>()
const ownedShapes = new WeakMap<Schema, Shape>()

/** The shape of whole objects of a kind, custom ones included. */
export function objectShape(schema: Schema): Shape {
  let shape = objectShapes.get(schema)
  if (shape === undefined) objectShapes.set(schema, (shape = new SchemaShape(schema, ofEveryObject())))
  return shape
}

/** The shape of whole objects of a kind without what the system sets, which nobody owns. */
export function ownedShape(schema: Schema): Shape {
  let shape = ownedShapes.get(schema)
  if (shape === undefined) {
    const whole = objectShape(schema)
    const metadata = whole.fields.get('metadata')!.shape!
    const owned = withoutFields(metadata, systemMetadata)
    shape = withoutFields(whole, new Set(['kind', 'apiVersion']), new Map([['metadata', owned]]))
    ownedShapes.set(schema, shape)
  }
  return shape
}

/** What the system decides in the metadata of every object. */
const systemMetadata: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'generation',
  'managedFields',
  'resourceVersion',
])

/** A shape in which nobody owns what is at some dotted paths. */
export function shapeWithout(shape: Shape, paths: readonly string[]): Shape {
  const whole = new Set(paths.filter((path) => !path.includes('.')))
  const parts = new Map<string, Shape>()
  for (const path of paths) {
    const [name = '', ...rest] = path.split('.')
    const inner = parts.get(name) ?? shape.fields.get(name)?.shape
    if (rest.length > 0 && inner !== undefined) parts.set(name, shapeWithout(inner, [rest.join('.')]))
  }
  return withoutFields(shape, whole, parts)
}

function withoutFields(
  shape: Shape,
  unowned: ReadonlySet<string>,
  others: ReadonlyMap<string, Shape> = new Map(),
): Shape {
  const { scalar, isAtomic, takesObjects, takesLists, values, items, step, keys } = shape
  const fields = new Map<string, Field>()
  for (const [name, field] of shape.fields) {
    fields.set(name, { ...field, shape: unowned.has(name) ? undefined : (others.get(name) ?? field.shape) })
  }
  return { scalar, isAtomic, takesObjects, takesLists, fields, values, items, step, keys }
}

/** Strings and numbers with a syntax, which only decoding checks. */
const looseFormats: ReadonlySet<string> = new Set(['quantity', 'time', 'micro-time', 'int-or-string'])

/** Values that may be of several types. */
const openFormats: ReadonlySet<string> = new Set(['json', 'or-list', 'or-boolean', 'or-texts'])

const scalarTypes: Readonly<Record<string, ScalarType | undefined>> = {
  string: 'string',
  integer: 'numeric',
  number: 'numeric',
  boolean: 'boolean',
}

class SchemaShape implements Shape {
  readonly scalar: ScalarType | undefined
  readonly isAtomic: boolean
  readonly takesObjects: boolean
  readonly takesLists: boolean
  readonly step: StepOf | undefined
  readonly keys: readonly string[]
  readonly #schema: Schema
  readonly #more: Readonly<Record<string, Schema>>
  #fields: ReadonlyMap<string, Field> | undefined

  constructor(schema: Schema, more: Readonly<Record<string, Schema>> = {}) {
    const { type, format = '', listType, mapType } = schema
    this.#schema = schema
    this.#more = schema.embeddedResource === true ? ofEveryObject() : more
    const isWhole = format === 'raw' || format === 'fields'
    const isLoose = looseFormats.has(format)
    const isOpen = (type === undefined && !isLoose) || openFormats.has(format)
    if (isWhole) this.scalar = 'any'
    else if (isLoose || isOpen) this.scalar = 'untyped'
    else this.scalar = scalarTypes[type!]
    this.takesObjects = !isWhole && (isOpen || type === 'object')
    this.takesLists = isOpen || type === 'array'
    this.isAtomic = type === 'object' && mapType === 'atomic'
    if (listType === 'set') this.step = setStep
    else if (listType === 'map') this.step = mapStep(schema)
    else this.step = undefined
    this.keys = listType === 'map' ? (schema.listMapKeys ?? []) : []
  }

  get fields(): ReadonlyMap<string, Field> {
    return (this.#fields ??= fieldsOf({ ...this.#more, ...this.#schema.properties }))
  }

  get values(): Shape | undefined {
    const { type, format = '', properties, additionalProperties, preserveUnknownFields } = this.#schema
    if (openFormats.has(format)) return openShape
    if (isObject(additionalProperties)) return shapeOf(additionalProperties as Schema)
    const isOpen = type === undefined || additionalProperties === true || preserveUnknownFields === true
    return isOpen || (properties === undefined && additionalProperties === undefined) ? openShape : undefined
  }

  get items(): Shape {
    return this.#schema.items === undefined ? openShape : shapeOf(this.#schema.items)
  }
}

function fieldsOf(properties: Readonly<Record<string, Schema>>): ReadonlyMap<string, Field> {
  const names = Object.keys(properties)
  const ranks = new Map(names.toSorted().map((name, rank) => [name, rank]))
  return new Map(
    names.map((name) => [
      name,
      {
        name,
        step: `f:${name}`,
        key: `${JSON.stringify(`f:${name}`)}:`,
        rank: ranks.get(name)!,
        shape: shapeOf(properties[name]!),
      },
    ]),
  )
}

/** What custom resources have beside their own schema. */
function ofEveryObject(): Readonly<Record<string, Schema>> {
  return {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: definitionNamed('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'),
  }
}

const setStep: StepOf = (item) => {
  if (item === null) return { problem: "associative list without keys has an element that's an explicit null" }
  if (Array.isArray(item)) return { problem: 'not supported: associative list with lists as elements' }
  if (isObject(item)) return { problem: "associative list without keys has an element that's a map type" }
  return valueStep(item)
}

function mapStep({ listMapKeys = [], items }: Schema): StepOf {
  const names = listMapKeys.toSorted()
  const defaults = names.map((name) => items?.properties?.[name]?.default)
  const prefixes = names.map((name) => `${keyText(name)}:`)
  return (item) => {
    if (item === null) return { problem: 'associative list with keys may not have a null element' }
    if (!isObject(item)) return { problem: 'associative list with keys may not have non-map elements' }
    let key = ''
    for (let at = 0; at < names.length; at++) {
      const name = names[at]!
      const value = (Object.hasOwn(item, name) ? item[name] : undefined) ?? defaults[at]
      if (value !== undefined) key += `${key === '' ? '' : ','}${prefixes[at]!}${keyText(value)}`
    }
    if (key !== '') return `k:{${key}}`
    const list = listMapKeys.map((name) => JSON.stringify(name)).join(' ')
    return {
      problem: `associative list with keys has an element that omits all key fields [${list}] (and doesn't have default values for any key fields)`,
    }
  }
}

/** Whether a value is a map or struct whose members have owners of their own. Null is one without members. */
export function isDivided(shape: Shape, value: unknown): value is Readonly<Record<string, unknown>> {
  return shape.takesObjects && !shape.isAtomic && isObject(value)
}

/** Whether a value is a list whose items have owners of their own. */
export function isKeyed(shape: Shape, value: unknown): value is readonly unknown[] {
  return shape.step !== undefined && Array.isArray(value)
}
