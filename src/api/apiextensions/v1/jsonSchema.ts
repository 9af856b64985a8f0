// The schema of custom objects: OpenAPI v3's with the additions of Kubernetes.
import type { Json, OrBoolean, OrList, OrTexts, double, int64 } from '#api/scalars.ts'

/** What one value of a custom object looks like. */
export interface JSONSchemaProps {
  /** The name of the schema. Not supported. */
  id?: string
  /** The dialect of the schema. Not supported. */
  $schema?: string
  /** Another schema to use. Not supported. */
  $ref?: string
  /** What the value is, for people. */
  description?: string
  /** The type: `object`, `array`, `string`, `integer`, `number` or `boolean`. */
  type?: string
  /** How a text or number is to be read, such as `date-time`, `ipv4` or `int32`; unknown words are ignored. */
  format?: string
  /** A short heading. */
  title?: string
  /** What an absent field is filled with. */
  default?: Json
  /** The largest number. */
  maximum?: double
  /** Whether `maximum` itself is too large. */
  exclusiveMaximum?: boolean
  /** The smallest number. */
  minimum?: double
  /** Whether `minimum` itself is too small. */
  exclusiveMinimum?: boolean
  /** The most characters of a text. */
  maxLength?: int64
  /** The fewest characters of a text. */
  minLength?: int64
  /** A regular expression in RE2 syntax that matches somewhere in the text. */
  pattern?: string
  /** The most items of a list. */
  maxItems?: int64
  /** The fewest items of a list. */
  minItems?: int64
  /** Whether no two items are equal. Must not be true: use `x-kubernetes-list-type` with `set`. */
  uniqueItems?: boolean
  /** A number of which the value must be a multiple. */
  multipleOf?: double
  /** The only values that are allowed. @atomic */
  enum?: Json[]
  /** The most members of an object. */
  maxProperties?: int64
  /** The fewest members of an object. */
  minProperties?: int64
  /** Fields that must be there. @atomic */
  required?: string[]
  /** What every item of a list looks like. */
  items?: OrList<JSONSchemaProps>
  /** Schemas that must all hold. @atomic */
  allOf?: JSONSchemaProps[]
  /** Schemas of which exactly one must hold. @atomic */
  oneOf?: JSONSchemaProps[]
  /** Schemas of which at least one must hold. @atomic */
  anyOf?: JSONSchemaProps[]
  /** A schema that must not hold. */
  not?: JSONSchemaProps
  /** The fields of an object by name. */
  properties?: Record<string, JSONSchemaProps>
  /** What the members look like that are no `properties`; `true`: anything. */
  additionalProperties?: OrBoolean<JSONSchemaProps>
  /** Fields by a pattern of their names. Not supported. */
  patternProperties?: Record<string, JSONSchemaProps>
  /** What must be there beside a field. Not supported. */
  dependencies?: Record<string, OrTexts<JSONSchemaProps>>
  /** What further items look like. Not supported. */
  additionalItems?: OrBoolean<JSONSchemaProps>
  /** Schemas to be referred to. Not supported. */
  definitions?: Record<string, JSONSchemaProps>
  /** Where more is written about the value. */
  externalDocs?: ExternalDocumentation
  /** A value that fits. */
  example?: Json
  /** Whether the value may be `null`. */
  nullable?: boolean
  /** Keeps fields that the schema does not know. */
  'x-kubernetes-preserve-unknown-fields'?: boolean
  /** The value is a whole object with `apiVersion`, `kind` and `metadata`, which are checked as such. */
  'x-kubernetes-embedded-resource'?: boolean
  /** The value is a whole number or a text. */
  'x-kubernetes-int-or-string'?: boolean
  /** The fields that tell items of a list of type `map` apart. @atomic */
  'x-kubernetes-list-map-keys'?: string[]
  /** How a list merges: `atomic` as a whole, `set` by value, `map` by the key fields of its items. */
  'x-kubernetes-list-type'?: string
  /** How an object merges: `granular` field by field, `atomic` as a whole. */
  'x-kubernetes-map-type'?: string
  /** Rules in CEL that the value must satisfy. @listMap rule */
  'x-kubernetes-validations'?: ValidationRule[]
}

/** Where more is written about a value. */
export interface ExternalDocumentation {
  /** What is to be found there. */
  description?: string
  /** The address. */
  url?: string
}

/** One rule in CEL. */
export interface ValidationRule {
  /** The expression, which must be true; `self` is the value, and `oldSelf` the one that it replaces. */
  rule: string
  /** What is said when the rule is broken, on one line; the rule itself when absent. */
  message?: string
  /** An expression that makes the message; goes before `message`. */
  messageExpression?: string
  /** What kind of mistake it is: `FieldValueInvalid`, `FieldValueForbidden`, `FieldValueRequired` or `FieldValueDuplicate`. */
  reason?: string
  /** The field below the value that the mistake is reported at, such as `.spec.replicas`. */
  fieldPath?: string
  /** Whether a rule with `oldSelf` also holds where there is no old value; `oldSelf` is then an optional. */
  optionalOldSelf?: boolean
}
