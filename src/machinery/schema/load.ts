import { isObject, type GroupVersionKind, type Schema } from './model.ts'
import { schemaText } from './schema.generated.ts'

/** A schema as the generated file has it: references are names, a kind is three words. */
interface WrittenSchema extends Omit<Schema, 'properties' | 'items' | 'additionalProperties' | 'kind' | 'definition'> {
  readonly ref?: string
  readonly kind?: readonly [string, string, string]
  readonly properties?: Readonly<Record<string, WrittenSchema>>
  readonly items?: WrittenSchema
  readonly additionalProperties?: WrittenSchema | boolean
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

let loaded: ReadonlyMap<string, Schema> | undefined
let byKind: ReadonlyMap<string, Schema> | undefined

/** Every definition of the built-in kinds by its OpenAPI name, references resolved. Parsed at the first call. */
export function definitions(): ReadonlyMap<string, Schema> {
  return (loaded ??= resolveDefinitions(JSON.parse(schemaText) as Record<string, WrittenSchema>))
}

/** The definition with this OpenAPI name; throws when there is none. */
export function definitionNamed(name: string): Schema {
  const found = definitions().get(name)
  if (found === undefined) throw new Error(`Cannot find definition "${name}"`)
  return found
}

/** The schema of a built-in kind, lists and options included; undefined for kinds we do not know. */
export function schemaOfKind(kind: GroupVersionKind): Schema | undefined {
  byKind ??= indexKinds(definitions())
  return byKind.get(kindKey(kind))
}

const kindKey = (kind: GroupVersionKind): string => `${kind.group}/${kind.version}/${kind.kind}`

function indexKinds(all: ReadonlyMap<string, Schema>): ReadonlyMap<string, Schema> {
  const index = new Map<string, Schema>()
  for (const schema of all.values()) if (schema.kind !== undefined) index.set(kindKey(schema.kind), schema)
  return index
}

let described: Promise<ReadonlyMap<string, string>> | undefined

/** Sentences by definition (`io.k8s.api.core.v1.Pod`), and by definition and field (`io.k8s.api.core.v1.Pod spec`). */
export function descriptions(): Promise<ReadonlyMap<string, string>> {
  return (described ??= import('./descriptions.generated.ts').then(
    ({ descriptionText }) => new Map(Object.entries(JSON.parse(descriptionText) as Record<string, string>)),
  ))
}

/**
 * Turns written definitions into linked ones. A reference becomes the definition itself; one with words of its own
 * (a default, a list type) becomes a copy of the definition's outermost level with these added. Takes `written` over.
 */
export function resolveDefinitions(written: Readonly<Record<string, WrittenSchema>>): ReadonlyMap<string, Schema> {
  const all = new Map<string, Mutable<Schema>>()
  const fields = new Map<string, Record<string, Schema>>()
  for (const [name, { kind, properties: _, ...rest }] of Object.entries(written)) {
    const properties: Record<string, Schema> = {}
    fields.set(name, properties)
    const [group, version, word] = kind ?? []
    all.set(name, {
      ...(rest as unknown as Schema),
      definition: name,
      ...(kind === undefined ? {} : { kind: { group: group!, version: version!, kind: word! } }),
      properties,
    })
  }
  // In place, because the written schema belongs to nobody else and copies of two thousand fields take time.
  const link = (schema: WrittenSchema): Schema => {
    if (schema.ref !== undefined) {
      const { ref, ...own } = schema
      const target = all.get(ref)
      if (target === undefined) throw new Error(`Cannot find definition "${ref}"`)
      return Object.keys(own).length === 0 ? target : { ...target, ...(own as unknown as Schema) }
    }
    const linked = schema as unknown as Mutable<Schema>
    if (schema.items !== undefined) linked.items = link(schema.items)
    if (isObject(schema.additionalProperties)) linked.additionalProperties = link(schema.additionalProperties)
    return linked
  }
  for (const [name, { properties = {} }] of Object.entries(written)) {
    const target = fields.get(name)!
    for (const [field, schema] of Object.entries(properties)) target[field] = link(schema)
  }
  return all
}
