// The scalars of the API. TypeScript sees numbers and strings; the schema generator knows each name and its format.

/** A whole number of 32 bits with sign. */
export type int32 = number

/** A whole number of 64 bits with sign; JavaScript keeps it exact up to 2^53. */
export type int64 = number

/** A floating-point number of 64 bits. */
export type double = number

/** An amount with an optional suffix, such as `250m`, `1.5Gi` or `2e3`. */
export type Quantity = string

/** A moment to the second in RFC 3339, such as `2025-01-31T09:30:00Z`. */
export type Time = string

/** A moment to the microsecond in RFC 3339, such as `2025-01-31T09:30:00.000000Z`. */
export type MicroTime = string

/** A span of time as units written together, such as `1h15m30.5s`. */
export type Duration = string

/** A number, or a string that is a name or a percentage. */
export type IntOrString = number | string

/** Arbitrary bytes in base64. */
export type Bytes = string

/** An object of a kind that is not known to the one that carries it. */
export type RawExtension = Record<string, unknown>

/** Any value of JSON. */
export type Json = unknown

/** A value, or a list of such values. */
export type OrList<T> = T | T[]

/** A value, or whether anything (`true`) or nothing goes. */
export type OrBoolean<T> = T | boolean

/** A value, or a list of texts. */
export type OrTexts<T> = T | string[]
