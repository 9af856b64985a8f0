// Server-side apply: merges what a client wants to have into the object, and takes away what it wanted before and does not
// name any more, unless somebody else owns it.
import { difference, fieldsNamed, intersection, isEmptySet, leaf, union, type FieldSet } from './fieldSet.ts'
import type { Shape } from './fieldShape.ts'
import { ownerAs, type Owner, type Owners, type Writer } from './managedFields.ts'
import { mergeFields } from './mergeFields.ts'
import { compareFields } from './changedFields.ts'
import { namedFields, withNamedParents, withoutFields } from './namedFields.ts'

/** One version of a kind: how its objects divide, and how to get from and to the version of the request. */
export interface Form {
  readonly shape: Shape
  from(object: unknown): unknown
  back(object: unknown): unknown
}

/** The form of a version; undefined: it is not served any more. */
export type FormOf = (apiVersion: string) => Form | undefined

const metadata = fieldsNamed('metadata')

/** What an apply makes of an object. `live` has no `managedFields`; neither argument is changed, unchanged parts are shared. */
export function applyFields(formOf: FormOf, live: unknown, applied: unknown, owners: Owners, writer: Writer): unknown {
  const { shape } = formOf(writer.apiVersion)!
  const merged = mergeFields(shape, live, applied)
  const last = ownerAs(owners, writer)
  if (last === undefined || isEmptySet(last.fieldsV1)) return merged
  // Nobody can give up metadata as a whole, whether it is named or not.
  const kept = { ...last, apiVersion: writer.apiVersion, fieldsV1: union(namedFields(shape, applied), metadata) }
  const managed = [...owners.filter((owner) => owner !== last), kept]
  return prune(formOf, merged, last, managed)
}

/** Takes away what `last` named, unless one of `managed` owns it now or nobody did. */
function prune(formOf: FormOf, merged: unknown, last: Owner, managed: readonly Owner[]): unknown {
  const form = formOf(last.apiVersion)
  if (form === undefined) return merged
  const whole = form.from(merged)
  const named = (value: unknown): FieldSet => withNamedParents(form.shape, namedFields(form.shape, value))
  const gone = withNamedParents(form.shape, last.fieldsV1)
  let pruned = withoutFields(form.shape, whole, gone)
  for (const [apiVersion, owners] of Map.groupBy(managed, (owner) => owner.apiVersion)) {
    const fields = owners.reduce<FieldSet>((all, owner) => union(all, owner.fieldsV1), leaf)
    pruned = keepOwned(formOf, form, whole, pruned, apiVersion, fields)
  }
  const dangling = intersection(difference(named(whole), named(pruned)), gone)
  return isEmptySet(dangling) ? merged : form.back(withoutFields(form.shape, whole, dangling))
}

/** Gives back what is owned in one version. */
function keepOwned(
  formOf: FormOf,
  from: Form,
  whole: unknown,
  pruned: unknown,
  apiVersion: string,
  owned: FieldSet,
): unknown {
  const form = formOf(apiVersion)
  if (form === undefined) return pruned
  const over = (object: unknown): unknown => (form === from ? object : form.from(from.back(object)))
  const [all, left] = [over(whole), over(pruned)]
  const named = (set: FieldSet): FieldSet => withNamedParents(form.shape, set)
  const missing = difference(
    named(namedFields(form.shape, all)),
    union(named(namedFields(form.shape, left)), named(owned)),
  )
  const kept = withoutFields(form.shape, all, missing)
  return form === from ? kept : from.from(form.back(kept))
}

/**
 * The fields that client-side apply set and nobody changed since: those that the last applied object names, as its
 * annotation has it, where the live object still agrees.
 */
export function lastAppliedFields(shape: Shape, lastApplied: unknown, live: unknown): FieldSet {
  const { touched = leaf, removed = leaf } = compareFields(shape, lastApplied, live) ?? {}
  return [touched, removed].reduce(difference, namedFields(shape, lastApplied))
}
