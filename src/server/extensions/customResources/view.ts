// Custom objects between the form in which they are stored and the one in which a version shows them. What is stored may
// be older than the schema: it is pruned and completed when it is read, as upstream does it.
import type { KubeObject } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { unavailable } from '#machinery/status.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { isSettled, prune, pruneNulls } from '#machinery/structural/prune.ts'
import type { StoredView } from '../../kind.ts'
import { thawObject } from '../../objects.ts'
import { encodeObject, StoredObject } from '../../storedObject.ts'
import { canonicalForm } from './canonical.ts'

/** What the versions of one definition share. */
export interface Versions {
  /** The schema of each version by the `apiVersion` of its objects. */
  readonly schemas: ReadonlyMap<string, Schema>
  /** The `apiVersion` in which objects are stored. */
  readonly storage: string
  readonly conversion: Conversion
}

/** How objects get from one version to another. */
export interface Conversion {
  /** Converts objects that are not of this version yet; the results are private to the caller. */
  convert(objects: readonly KubeObject[], apiVersion: string): readonly KubeObject[] | Promise<readonly KubeObject[]>
}

/** Only the name of the version changes. */
export const sameContent: Conversion = {
  convert: (objects, apiVersion) => objects.map((object) => ({ ...thawObject(object), apiVersion })),
}

/** The view of one version. */
export function viewOf(apiVersion: string, versions: Versions): StoredView {
  const { schemas, storage, conversion } = versions
  const schema = schemas.get(apiVersion)!
  const known = new WeakMap<StoredObject, StoredObject>()
  /** Objects about which somebody outside has been asked. */
  const underWay = new WeakMap<StoredObject, Promise<void>>()

  /** The object as its own version means it: completed by that version's schema. */
  const complete = (object: KubeObject): KubeObject => {
    const own = schemas.get(object.apiVersion)
    const copy = thawObject(object)
    if (own === undefined) return copy
    prune(own, copy)
    pruneNulls(own, copy)
    applyDefaults(own, copy)
    return copy
  }
  const remember = (stored: StoredObject, object: KubeObject): StoredObject => {
    const { resourceVersion: _, ...metadata } = object.metadata
    const shown = canonicalForm({ ...object, metadata })
    const view = sameJson(object, stored.object)
      ? stored
      : StoredObject.unwritten(stored.key, stored.revision, encodeObject(shown, true))
    known.set(stored, view)
    return view
  }
  const converted = (stored: readonly StoredObject[]): readonly KubeObject[] | Promise<readonly KubeObject[]> =>
    conversion.convert(
      stored.map(({ object }) => complete(object)),
      apiVersion,
    )
  const take = (stored: readonly StoredObject[], objects: readonly KubeObject[]): void => {
    for (const [i, each] of stored.entries()) {
      const object = objects[i]!
      prune(schema, object)
      remember(each, object)
    }
  }

  return {
    prepare(stored) {
      const others = stored.filter((each) => !known.has(each) && each.object.apiVersion !== apiVersion)
      const waiting = new Set(others.flatMap((each) => underWay.get(each) ?? []))
      const fresh = others.filter((each) => !underWay.has(each))
      if (fresh.length > 0) {
        const objects = converted(fresh)
        if (objects instanceof Promise) {
          const taken = objects
            .then((all) => take(fresh, all))
            .finally(() => {
              for (const each of fresh) underWay.delete(each)
            })
          for (const each of fresh) underWay.set(each, taken)
          waiting.add(taken)
        } else take(fresh, objects)
      }
      return waiting.size === 0 ? undefined : Promise.all(waiting).then(() => undefined)
    },
    of(stored) {
      const view = known.get(stored)
      if (view !== undefined) return view
      if (stored.object.apiVersion === apiVersion) {
        if (!isSettled(schema, stored.object)) return remember(stored, complete(stored.object))
        known.set(stored, stored)
        return stored
      }
      const objects = converted([stored])
      if (objects instanceof Promise) {
        // For those who cannot wait, and may ask again.
        objects.then((all) => take([stored], all)).catch(() => {})
        throw unavailable(`${stored.object.metadata.name} is being converted to ${apiVersion}`)
      }
      take([stored], objects)
      return known.get(stored)!
    },
    from(object) {
      if (object.apiVersion === apiVersion) return object
      const objects = conversion.convert([object], apiVersion)
      const finish = ([first]: readonly KubeObject[]): KubeObject => {
        prune(schema, first)
        applyDefaults(schema, first!)
        return first!
      }
      return objects instanceof Promise ? objects.then(finish) : finish(objects)
    },
    toStored(object) {
      if (apiVersion === storage) return canonicalForm(object)
      const objects = conversion.convert([object], storage)
      const finish = ([first]: readonly KubeObject[]): KubeObject => {
        const own = schemas.get(storage)
        if (own !== undefined) prune(own, first)
        return canonicalForm(first!)
      }
      return objects instanceof Promise ? objects.then(finish) : finish(objects)
    },
  }
}
