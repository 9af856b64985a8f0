import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Schema } from '#machinery/schema/model.ts'
import type { CustomSchema } from '#machinery/schema/openapiModel.ts'
import { toSchema } from '#machinery/structural/toSchema.ts'
import { keyPrefix, type Kind, type StoredView } from '../../kind.ts'
import type { WatchCache } from '../../watchCache.ts'
import { canonicalForm } from './canonical.ts'
import { isEstablished } from './plan.ts'
import { resourceOf, strategyOf } from './strategy.ts'
import { sameContent, viewOf, type Versions } from './view.ts'
import { webhookConversion, type WebhookConversionContext } from './webhookConversion.ts'

/** What definitions need of the server. */
export interface DefinitionContext extends WebhookConversionContext {
  readonly cache: WatchCache
}

/** A definition in service. */
export class Definition {
  /** The kinds of all served versions. */
  readonly kinds: readonly Kind[]
  /** The kind in whose form objects are stored, whether it is served or not; objects of other forms are left as they are. */
  readonly stored: Kind
  readonly #definition: CustomResourceDefinition
  readonly #schemas: ReadonlyMap<string, Schema>
  readonly #retirement: AbortController

  private constructor(
    definition: CustomResourceDefinition,
    schemas: ReadonlyMap<string, Schema>,
    retirement: AbortController,
    before: Definition | undefined,
    context: DefinitionContext,
  ) {
    this.#definition = definition
    this.#schemas = schemas
    this.#retirement = retirement
    const { spec } = definition
    const apiVersion = (version: string): string => `${spec.group}/${version}`
    const storage = spec.versions.find((version) => version.storage)!
    const versions: Versions = {
      schemas: new Map([...schemas].map(([name, schema]) => [apiVersion(name), schema])),
      storage: apiVersion(storage.name),
      conversion: spec.conversion?.strategy === 'Webhook' ? webhookConversion(definition, context) : sameContent,
    }
    const isPublished = isEstablished(definition)
    const isEnding = definition.metadata.deletionTimestamp !== undefined
    const kindOf = (version: (typeof spec.versions)[number], view: StoredView): Kind => {
      const schema = schemas.get(version.name)!
      const resource = resourceOf(definition, version.name)
      return {
        strategy: strategyOf(definition, version, schema),
        resource,
        schema,
        cache: context.cache.resource(keyPrefix(resource)),
        custom: {
          view,
          retired: retirement.signal,
          storageVersion: storage.name,
          isPublished,
          isEnding,
          document: documentOf(definition, version),
        },
      }
    }
    this.kinds = spec.versions
      .filter(({ served }) => served)
      .map((version) => {
        // What was shown before is shown still, unless the definition has changed.
        const known = before?.kinds.find(({ resource }) => resource.version === version.name)?.custom?.view
        return kindOf(version, known ?? viewOf(apiVersion(version.name), versions))
      })
    this.stored = kindOf(storage, asStored)
  }

  /** Puts a definition into service. `before` is what was served under its name. */
  static of(
    definition: CustomResourceDefinition,
    before: Definition | undefined,
    context: DefinitionContext,
  ): Definition {
    const isSame = before !== undefined && before.#servesSame(definition)
    const schemas = isSame ? before.#schemas : schemasOf(definition, before)
    const retirement = isSame ? before.#retirement : new AbortController()
    return new Definition(definition, schemas, retirement, isSame ? before : undefined, context)
  }

  /** Aborts when objects are served otherwise, or no more. */
  get retired(): AbortSignal {
    return this.#retirement.signal
  }

  /** Ends the watches of the kinds. */
  retire(): void {
    this.#retirement.abort()
  }

  /** Whether nothing that concerns the service has changed. */
  isOf(definition: CustomResourceDefinition): boolean {
    if (definition === this.#definition) return true
    return (
      this.#servesSame(definition) &&
      isEstablished(definition) === isEstablished(this.#definition) &&
      definition.metadata.deletionTimestamp === this.#definition.metadata.deletionTimestamp
    )
  }

  #servesSame({ metadata, spec, status }: CustomResourceDefinition): boolean {
    const before = this.#definition
    return (
      metadata.uid === before.metadata.uid &&
      sameJson(spec, before.spec) &&
      sameJson(status?.acceptedNames, before.status?.acceptedNames)
    )
  }

  /** The schema of a version, if it was made from the same words. */
  schemaOf(name: string, props: JSONSchemaProps | undefined): Schema | undefined {
    const version = this.#definition.spec.versions.find((each) => each.name === name)
    return sameJson(version?.schema?.openAPIV3Schema, props) ? this.#schemas.get(name) : undefined
  }
}

/** The schemas by version; those that have not changed are kept, with all that was compiled from them. */
function schemasOf({ spec }: CustomResourceDefinition, before: Definition | undefined): ReadonlyMap<string, Schema> {
  const isFree = spec.preserveUnknownFields === true
  return new Map(
    spec.versions.map(({ name, schema }) => {
      const props = schema?.openAPIV3Schema
      const known = before?.schemaOf(name, props)
      if (known !== undefined) return [name, known]
      const made = toSchema(props ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true })
      return [name, isFree ? { ...made, preserveUnknownFields: true } : made]
    }),
  )
}

function documentOf(
  { spec, status }: CustomResourceDefinition,
  version: CustomResourceDefinition['spec']['versions'][number],
): CustomSchema {
  const schema = version.schema?.openAPIV3Schema
  const names = status?.acceptedNames ?? spec.names
  return {
    ...(schema === undefined ? {} : { schema }),
    preservesUnknown: spec.preserveUnknownFields === true,
    listKind: names.listKind ?? `${names.kind}List`,
    selectableFields: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.slice(1)),
  }
}

/** Objects as they are stored, whatever their version. */
const asStored: StoredView = {
  prepare: () => undefined,
  of: (stored) => stored,
  from: (object) => object,
  toStored: canonicalForm,
}
