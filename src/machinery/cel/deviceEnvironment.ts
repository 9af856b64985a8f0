/** What expressions that choose devices may use: the variable `device`. Source: KEP-4381, "Using CEL". */
import { estimateCost } from '#lib/cel/cost.ts'
import type { Program } from '#lib/cel/program.ts'
import { formatIssues } from '#lib/cel/source.ts'
import { boolType, dynType, formatType, mapType, sameType, stringType, structType, type Type } from '#lib/cel/types.ts'
import { ExpressionCache } from './environment.ts'
import { quantityType } from './quantities.ts'

const deviceType = structType('DRADevice')

/** By domain, and below it by name. */
const byName = (value: Type): Type => mapType(stringType, mapType(stringType, value))

const fields: Readonly<Record<string, Type>> = {
  driver: stringType,
  attributes: byName(dynType),
  capacity: byName(quantityType),
}

let cache: ExpressionCache | undefined

const expressions = (): ExpressionCache =>
  (cache ??= new ExpressionCache({
    variables: { device: deviceType },
    objectTypes: {
      find: (name) => (name === deviceType.name ? deviceType : undefined),
      field: (type, field) => (sameType(type, deviceType) && Object.hasOwn(fields, field) ? fields[field] : undefined),
    },
  }))

/** Of attributes and capacities together. */
const mostAttributes = 32
/** What one expression may cost for one device. */
const mostCost = 1_000_000

/** An expression ready for use, or why it cannot be; `costly`: it could be evaluated, but not fast enough. */
export type DeviceExpression = { readonly program: Program } | { readonly problem: string } | { readonly costly: true }

/** Compiles an expression that tells whether a device fits. */
export function compileDeviceExpression(text: string): DeviceExpression {
  const compiled = expressions().compile(text)
  if ('issues' in compiled) return { problem: `compilation failed: ${formatIssues(text, compiled.issues)}` }
  if (!sameType(compiled.type, boolType) && !sameType(compiled.type, dynType)) {
    return { problem: `must evaluate to bool or the unknown type, not ${formatType(compiled.type)}` }
  }
  const sizeOf = (_path: readonly string[], { kind }: Type): { min: number; max: number } | undefined =>
    kind === 'map' ? { min: 0, max: mostAttributes } : kind === 'string' ? { min: 0, max: 64 } : undefined
  return estimateCost(compiled.checked, sizeOf).max > mostCost ? { costly: true } : { program: compiled }
}
