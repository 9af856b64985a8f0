/** What expressions about tokens may use: the variable `claims`, or `user`. Source: KEP-3331. */
import { operators, type Expression } from '#lib/cel/ast.ts'
import { fromJson, type JsonReading } from '#lib/cel/json.ts'
import { evaluate, type Program } from '#lib/cel/program.ts'
import { formatIssues } from '#lib/cel/source.ts'
import { boolType, dynType, listType, mapType, sameType, stringType, structType } from '#lib/cel/types.ts'
import { Double, ListValue, Optional, type Value } from '#lib/cel/values.ts'
import { callLimit, ExpressionCache } from './environment.ts'
import { unescapeFieldName } from './fieldNames.ts'

const userType = structType('kubernetes.UserInfo')

const userFields = {
  username: stringType,
  uid: stringType,
  groups: listType(stringType),
  extra: mapType(stringType, listType(stringType)),
}

/** Somebody whom a token makes known, as `user` shows him. */
export interface ClaimedUser {
  readonly username: string
  readonly uid: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

let caches: { readonly claims: ExpressionCache; readonly user: ExpressionCache } | undefined

const expressions = () =>
  (caches ??= {
    claims: new ExpressionCache({ variables: { claims: mapType(stringType, dynType) } }),
    user: new ExpressionCache({
      variables: { user: userType },
      objectTypes: {
        find: (name) => (name === userType.name ? userType : undefined),
        field: (type, field) =>
          sameType(type, userType) && Object.hasOwn(userFields, field)
            ? userFields[field as keyof typeof userFields]
            : undefined,
      },
    }),
  })

/** An expression ready for use, or why there is none. */
export type ClaimsExpression = { readonly program: Program } | { readonly problem: string }

/** Compiles an expression about `claims` or a `user`; one that decides must be known to give true or false. */
export function compileClaims(text: string, about: 'claims' | 'user', decides: boolean): ClaimsExpression {
  const compiled = expressions()[about].compile(text)
  if ('issues' in compiled) return { problem: `compilation failed: ${formatIssues(text, compiled.issues)}` }
  if (decides && !sameType(compiled.type, boolType)) return { problem: 'must evaluate to bool' }
  return { program: compiled }
}

/** What came of an expression: JSON, or the error. */
export type ClaimsResult = { readonly value: unknown } | { readonly error: string }

/** Numbers are doubles, as upstream's decoder makes them; names that are no identifiers are asked for escaped. */
const claimsReading: JsonReading = { number: (json) => new Double(json), nameOf: unescapeFieldName }

/** The claims of a token, or a `ClaimedUser`, as the value of a variable. */
export function claimsValue(json: object): Value {
  return fromJson(json, claimsReading)
}

/** Evaluates an expression with the value of its variable. */
export function evaluateClaims(program: Program, about: 'claims' | 'user', value: Value): ClaimsResult {
  const outcome = evaluate(program, { [about]: value }, callLimit)
  return 'error' in outcome ? { error: outcome.error } : { value: plain(outcome.value) }
}

/** A text, a list of anything, true, false or null; other values are none that tokens can be about. */
function plain(value: Value): unknown {
  if (value instanceof Optional) return undefined
  return value instanceof ListValue ? [...value].map(plain) : value
}

/** Whether an expression reads a field of a variable: `claims.email`, `has(claims.email)` or `claims.?email`. */
export function readsField({ checked }: Program, variable: string, field: string): boolean {
  const isVariable = (node: Expression): boolean => node.kind === 'identifier' && node.name === variable
  const reads = (node: Expression): boolean => {
    if (node.kind === 'select') return isVariable(node.operand) && node.field === field
    if (node.kind !== 'call' || node.name !== operators.optionalSelect) return false
    const [operand, name] = node.parameters
    return isVariable(operand!) && name?.kind === 'literal' && name.value === field
  }
  const contains = (part: unknown): boolean => {
    if (typeof part !== 'object' || part === null) return false
    if (Array.isArray(part)) return part.some(contains)
    return ('kind' in part && reads(part as Expression)) || Object.values(part).some(contains)
  }
  return contains(checked.expression)
}
