import {
  customResourceDefinitions,
  type CustomResourceDefinition,
  type CustomResourceDefinitionCondition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { withCondition } from '#machinery/conditions.ts'
import { judgePatterns } from '#lib/linearRegExp.ts'
import { isKnownFormat } from '#machinery/structural/formats.ts'
import { timeText } from '#machinery/time.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkDefinition, checkStatus } from './rules/definition.ts'
import { patternsOf, someSchema } from './rules/walk.ts'

/** Keeps a definition until nothing of its kind is left. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

/** Definitions of custom kinds. What they define is served by server/extensions/customResources. */
export const customResourceDefinitionStrategy: Strategy<CustomResourceDefinition> = {
  resource: customResourceDefinitions,
  reserved: ['status'],
  subresources: {
    status: {
      ...statusSubresource,
      // Metadata goes with it: upstream means to keep it, and copies the new one over itself (statusStrategy).
      validate: (definition, _old, report) => checkStatus(definition, report),
    },
  },
  plainFinalizers: true,
  default({ spec }) {
    const { names } = spec
    if ((names.singular ?? '') === '') names.singular = names.kind.toLowerCase()
    if ((names.listKind ?? '') === '' && names.kind !== '') names.listKind = `${names.kind}List`
    spec.conversion ??= { strategy: 'None' }
    const service = spec.conversion.webhook?.clientConfig?.service
    if (service !== undefined) service.port ??= 443
  },
  prepare(definition) {
    const stored = definition.spec.versions.find(({ storage }) => storage)?.name
    definition.status ??= {}
    if (stored !== undefined && definition.status.storedVersions?.includes(stored) !== true) {
      definition.status.storedVersions = [...(definition.status.storedVersions ?? []), stored]
    }
  },
  // Nothing goes before the objects of its kind are gone.
  holds: ({ metadata }) => metadata.deletionTimestamp === undefined,
  terminating(definition, now) {
    const finalizers = definition.metadata.finalizers ?? []
    if (!finalizers.includes(cleanupFinalizer)) definition.metadata.finalizers = [...finalizers, cleanupFinalizer]
    const condition: CustomResourceDefinitionCondition = {
      type: 'Terminating',
      status: 'True',
      lastTransitionTime: timeText(now),
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    }
    definition.status = {
      ...definition.status,
      conditions: [...withCondition(definition.status?.conditions, condition)],
    }
  },
  isOpen: true,
  readyRules: ({ spec }) => judgePatterns(patternsOf(spec)),
  validate: checkDefinition,
  warnings(definition, old) {
    const before = new Set(old === undefined ? [] : unknownFormats(old))
    return unknownFormats(definition)
      .filter((format) => !before.has(format))
      .map((format) => `unrecognized format ${JSON.stringify(format)}`)
  },
}

/** Formats that stand in the schemas and that nobody checks. */
function unknownFormats({ spec }: CustomResourceDefinition): string[] {
  const found = new Set<string>()
  for (const { schema } of spec.versions) {
    someSchema(schema?.openAPIV3Schema, ({ type, format = '' }: JSONSchemaProps) => {
      if (format !== '' && !isKnownFormat(type, format)) found.add(format)
      return false
    })
  }
  return [...found]
}
