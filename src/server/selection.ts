import type { KubeObject } from '#api/resource.ts'
import { matchesFields, type FieldRequirements } from '#machinery/fieldSelector.ts'
import { matchesRequirements, type LabelRequirements } from '#machinery/labelSelector.ts'
import type { StoredView } from './kind.ts'
import type { StoredObject } from './storedObject.ts'

/** Which objects of a resource a list or watch is about. */
export interface Selection {
  /** Keys begin with this: the resource, or one namespace of it. */
  readonly prefix: string
  readonly labels: LabelRequirements
  readonly fields: FieldRequirements
  /** Reads a field that selectors may name. */
  readonly readField: (object: KubeObject, field: string) => string
  /** How objects are looked at when they are not stored as they are shown. */
  readonly view?: StoredView
}

/** Whether a selection is decided by the key alone, so that no object has to be parsed. */
export function isPlain(selection: Selection): boolean {
  return selection.labels.length === 0 && selection.fields.length === 0
}

/** Whether an object belongs to the selection. */
export function selects(selection: Selection, stored: StoredObject): boolean {
  if (!stored.key.startsWith(selection.prefix)) return false
  for (const { field, equal, value } of selection.fields) {
    // Decided without parsing: many watches are for one name.
    if (field === 'metadata.name' && (stored.name === value) !== equal) return false
  }
  if (isPlain(selection)) return true
  const { object } = selection.view?.of(stored) ?? stored
  return (
    matchesRequirements(selection.labels, object.metadata.labels) &&
    matchesFields(selection.fields, (field) => selection.readField(object, field))
  )
}
