// What all admission policies are made of.
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'

/** The kind of the objects from which a policy takes its parameters. @atomic */
export interface ParamKind {
  /** The group and version of the kind, such as `v1` or `rules.example.com/v1`. */
  apiVersion?: string
  /** The kind in CamelCase. */
  kind?: string
}

/** The objects from which a policy takes its parameters; named, or selected by labels. @atomic */
export interface ParamRef {
  /** The name of the object. Not together with `selector`. */
  name?: string
  /** The namespace in which the objects are; that of the request when empty and the kind has namespaces. */
  namespace?: string
  /** The labels of the objects; the policy is applied with each of them. Not together with `name`. */
  selector?: LabelSelector
  /** What happens to requests when there is no such object. @default Deny */
  parameterNotFoundAction?: ParameterNotFoundActionType
}

/** A value that the expressions of a policy can share as `variables.name`. @atomic */
export interface Variable {
  /** How it is called; an identifier of CEL. */
  name: string
  /** Its value, an expression in CEL; evaluated when it is first used. */
  expression: string
}

/** What happens to requests whose policy lacks its parameters. */
export type ParameterNotFoundActionType = 'Allow' | 'Deny'
