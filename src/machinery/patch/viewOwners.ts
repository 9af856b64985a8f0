// Owners of a view: a subresource such as `scale` shows one field of its object at a place of its own.
import { difference, fieldsNamed, hasField, isEmptySet } from './fieldSet.ts'
import { inWrittenOrder, withFields, type Owner, type Owners } from './managedFields.ts'

/** Where a view shows a field, and where its object has it, as dotted paths. */
export interface ViewedField {
  readonly shown: string
  readonly place: string
}

const stepsOf = (path: string): readonly string[] => path.split('.').map((name) => `f:${name}`)

/** Those who own the field, as owners of the view. */
export function viewOwners(owners: Owners, { shown, place }: ViewedField): Owners {
  return owners
    .filter(({ fieldsV1 }) => hasField(fieldsV1, stepsOf(place)))
    .map((owner) => withFields(owner, fieldsNamed(shown)))
}

/**
 * Owners of the object after the owners of the view became others. New ones own in the object's version; upstream gives
 * them no time.
 */
export function ownersBehindView(
  owners: Owners,
  view: { readonly before: Owners; readonly after: Owners },
  { shown, place }: ViewedField,
  apiVersion: string,
): Owners {
  const field = fieldsNamed(place)
  const steps = stepsOf(place)
  const shownBy = owners.filter(({ fieldsV1 }) => hasField(fieldsV1, steps))
  const kept = owners.map((owner) => {
    const at = shownBy.indexOf(owner)
    const isLost = at >= 0 && !view.after.includes(view.before[at]!)
    return isLost ? withFields(owner, difference(owner.fieldsV1, field)) : owner
  })
  const added = view.after
    .filter((owner) => !view.before.includes(owner) && hasField(owner.fieldsV1, stepsOf(shown)))
    .map(({ time: _, ...owner }) => ({ ...withFields(owner, field), apiVersion }))
  return inWrittenOrder([...kept, ...added].filter(({ fieldsV1 }: Owner) => !isEmptySet(fieldsV1)))
}
