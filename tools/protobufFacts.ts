import { readFileSync } from 'node:fs'

/** What the lock file knows about one field. */
export interface Fact {
  /** Field numbers from the outer message inwards; empty for fields that protobuf does not carry. */
  readonly path: readonly number[]
  readonly zero: 'keep' | 'drop' | 'fill'
  readonly goType: string
}

/** Facts by definition and field. */
export type Facts = ReadonlyMap<string, ReadonlyMap<string, Fact>>

/**
 * Reads protobufNumbers.json, where an entry is `number zero type`: `2.1 keep v1.HostPathVolumeSource` is field 1 of
 * the message in field 2, its zero value means something, and messages call its type so. Throws on two fields with
 * one number: a number can never be used again.
 */
export function readFacts(path: string): Facts {
  const entries = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Record<string, string>>
  const facts = new Map<string, Map<string, Fact>>()
  for (const [definition, fields] of Object.entries(entries)) {
    const byField = new Map<string, Fact>()
    const taken = new Map<string, string>()
    for (const [field, text] of Object.entries(fields)) {
      const match = /^(-|[1-9][0-9]*(?:\.[1-9][0-9]*)*) (keep|drop|fill) (\S+)$/.exec(text)
      if (match === null) throw new Error(`${path}: cannot read "${text}" of ${definition} ${field}`)
      const [, numbers, zero, goType] = match
      const before = taken.get(numbers!)
      if (numbers !== '-' && before !== undefined) {
        throw new Error(`${path}: ${definition} uses number ${numbers} for ${before} and ${field}`)
      }
      taken.set(numbers!, field)
      byField.set(field, {
        path: numbers === '-' ? [] : numbers!.split('.').map(Number),
        zero: zero as Fact['zero'],
        goType: goType!,
      })
    }
    facts.set(definition, byField)
  }
  return facts
}
