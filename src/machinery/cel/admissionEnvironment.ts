/** What expressions of admission policies and match conditions may use. */
import type { Environment, ObjectTypes } from '#lib/cel/environment.ts'
import { authorizerType, resourceCheckType } from '#lib/cel/functions/authorizer.ts'
import { compile, type Program } from '#lib/cel/program.ts'
import { formatIssues } from '#lib/cel/source.ts'
import { dynType, formatType, sameType, structType, type Type } from '#lib/cel/types.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { DeclaredTypes, type DeclaredType } from './declaredType.ts'
import { kubernetesEnvironment } from './environment.ts'
import { patchLibrary, patchTypes } from './patchTypes.ts'

const text: Schema = { type: 'string' }
const texts: Schema = { type: 'array', items: text }
const textMap: Schema = { type: 'object', additionalProperties: text }
const time: Schema = { type: 'string', format: 'date-time' }
const object = (definition: string, properties: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  definition: `kubernetes.${definition}`,
  properties,
})

const kind = object('GroupVersionKind', { group: text, version: text, kind: text })
const resource = object('GroupVersionResource', { group: text, version: text, resource: text })

const requestSchema = object('AdmissionRequest', {
  kind,
  resource,
  subResource: text,
  requestKind: kind,
  requestResource: resource,
  requestSubResource: text,
  name: text,
  namespace: text,
  operation: text,
  userInfo: object('UserInfo', {
    username: text,
    uid: text,
    groups: texts,
    extra: { type: 'object', additionalProperties: texts },
  }),
  dryRun: { type: 'boolean' },
  // Options of any kind: an int-or-string is the one thing that a schema can call dynamic.
  options: { format: 'int-or-string' },
})

const namespaceSchema = object('Namespace', {
  metadata: object('NamespaceMetadata', {
    name: text,
    generateName: text,
    namespace: text,
    labels: textMap,
    annotations: textMap,
    UID: text,
    creationTimestamp: time,
    deletionGracePeriodSeconds: { type: 'integer' },
    deletionTimestamp: time,
    generation: { type: 'integer' },
    resourceVersion: text,
    finalizers: texts,
  }),
  spec: object('NamespaceSpec', { finalizers: texts }),
  status: object('NamespaceStatus', {
    phase: text,
    conditions: {
      type: 'array',
      items: object('NamespaceCondition', {
        status: text,
        type: text,
        lastTransitionTime: time,
        message: text,
        reason: text,
      }),
    },
  }),
})

const declaredTypes = new DeclaredTypes()

/** The types of the variables `request` and `namespaceObject`. */
export const requestType: DeclaredType = declaredTypes.declare(requestSchema, '')!
export const namespaceType: DeclaredType = declaredTypes.declare(namespaceSchema, '')!
// Types below them are found by name only once they were looked at.
for (const declared of [requestType, namespaceType]) declared.fields?.forEach((field) => field.declared.fields)

const variablesType = structType('kubernetes.variables')

/** What a policy has beside what all have. */
export interface PolicyScope {
  readonly hasParams: boolean
  readonly hasAuthorizer?: boolean
  /** Whether expressions may make objects and patches. */
  readonly hasPatches?: boolean
  /** The types of `object` and `oldObject`, and of `params`, when they are known; only for finding mistakes. */
  readonly objectType?: Type
  readonly paramsType?: Type
  readonly objectTypes?: DeclaredTypes
}

export interface CompiledExpression {
  readonly text: string
  readonly program?: Program
  /** Why there is no program. */
  readonly problem?: string
}

/** Compiles the expressions of one policy. Variables are added one by one; each may use those before it. */
export class PolicyCompiler {
  readonly #environment: Environment
  readonly #scope: PolicyScope
  readonly #variables: Map<string, { readonly type: Type; readonly compiled: CompiledExpression }>

  /** `sharing`: the compiler whose variables this one has, too. */
  constructor(scope: PolicyScope, sharing?: PolicyCompiler) {
    this.#scope = scope
    this.#variables = sharing === undefined ? new Map() : sharing.#variables
    const { hasParams, hasAuthorizer = true, hasPatches = false } = scope
    this.#environment = kubernetesEnvironment().extend({
      objectTypes: this.#objectTypes(scope, hasPatches),
      libraries: hasPatches ? [patchLibrary] : [],
      variables: {
        object: scope.objectType ?? dynType,
        oldObject: scope.objectType ?? dynType,
        request: requestType.type,
        namespaceObject: namespaceType.type,
        variables: variablesType,
        ...(hasParams ? { params: scope.paramsType ?? dynType } : {}),
        ...(hasAuthorizer ? { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType } : {}),
      },
    })
  }

  #objectTypes({ objectTypes }: PolicyScope, hasPatches: boolean): ObjectTypes {
    return {
      find: (name) =>
        objectTypes?.find(name) ?? declaredTypes.find(name) ?? (hasPatches ? patchTypes.find(name) : undefined),
      field: (type, field) => {
        if (sameType(type, variablesType)) return this.#variables.get(field)?.type
        return (
          objectTypes?.field(type, field) ??
          declaredTypes.field(type, field) ??
          (hasPatches ? patchTypes.field(type, field) : undefined)
        )
      },
      construct: (type, fields) => patchTypes.construct!(type, fields),
    }
  }

  /** The same policy for expressions that may not ask what is allowed: messages and what goes to the audit log. */
  withoutAuthorizer(): PolicyCompiler {
    return new PolicyCompiler({ ...this.#scope, hasAuthorizer: false }, this)
  }

  /** Declares a variable of the policy. */
  addVariable(name: string, expression: string): CompiledExpression {
    const compiled = this.compile(expression)
    this.#variables.set(name, { type: compiled.program?.type ?? dynType, compiled })
    return compiled
  }

  get variables(): ReadonlyMap<string, CompiledExpression> {
    return new Map([...this.#variables].map(([name, { compiled }]) => [name, compiled]))
  }

  /** Compiles an expression, whose result must be of one of these types; of any when none is named. */
  compile(expression: string, ...results: readonly Type[]): CompiledExpression {
    const program = compile(this.#environment, expression)
    if ('issues' in program) {
      return { text: expression, problem: `compilation failed: ${formatIssues(expression, program.issues)}` }
    }
    if (results.length > 0 && results.every((each) => !sameType(each, program.type))) {
      const wanted = results.map(formatResult)
      const one = wanted.length === 1 ? wanted[0] : `one of [${wanted.join(' ')}]`
      return { text: expression, problem: `must evaluate to ${one} but got ${formatResult(program.type)}` }
    }
    return { text: expression, program }
  }
}

const formatResult = (type: Type): string => (type.kind === 'null' ? 'null_type' : formatType(type))
