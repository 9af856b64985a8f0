import { parseFieldSelector, type FieldRequirements } from '#machinery/fieldSelector.ts'
import { SelectorError } from '#machinery/labelSelector.ts'
import type { Query } from '../options.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Attributes } from './authorizer.ts'

/**
 * What a request wants to do. A list or watch of the one object that its field selector names is about that object, so a
 * role that names it allows it. A selector that cannot be read limits nothing: the request is refused later for it.
 */
export function attributesOf(info: RequestInfo, query: Query): Attributes {
  if (info.name !== '' || !info.isResource || !collectionVerbs.has(info.verb)) return info
  const text = query.get('fieldSelector')
  if (text === null || text === '') return info
  const fields = requirementsOf(text)
  if (fields === undefined) return info
  return { ...info, name: valueOf(fields, 'metadata.name') ?? '', fields }
}

const collectionVerbs: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection'])

function requirementsOf(text: string): FieldRequirements | undefined {
  try {
    return parseFieldSelector(text)
  } catch (error) {
    if (error instanceof SelectorError) return undefined
    throw error
  }
}

/** The only value that a field may have; undefined when it may have several. */
export function valueOf(fields: FieldRequirements, field: string): string | undefined {
  return fields.find((each) => each.field === field && each.equal)?.value
}
