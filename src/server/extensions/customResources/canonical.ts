import type { KubeObject } from '#api/resource.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import { decodeOwnValue } from '#machinery/codec/schemaDecoder.ts'
import { definitionNamed } from '#machinery/schema/load.ts'
import { isObject } from '#machinery/schema/model.ts'

/** A custom object in its canonical form: every member in the order of its name, metadata without what says nothing. */
export function canonicalForm(object: KubeObject): KubeObject {
  const metadata = decodeOwnValue(definitionNamed('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'), object.metadata)
  if ('problem' in metadata) throw new Error(`Cannot store metadata of ${object.kind}: ${metadata.problem}`)
  // Who owns which fields has an order of its own.
  const { managedFields, ...rest } = metadata.value as unknown as KubeObject['metadata']
  const ordered = sorted(
    managedFields === undefined ? rest : { ...rest, managedFields: null },
  ) as KubeObject['metadata']
  if (managedFields !== undefined) ordered.managedFields = managedFields
  return { ...(sorted({ ...object, metadata: null }) as KubeObject), metadata: ordered }
}

/** The value with its members in order; shares what is in order already. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    let list: unknown[] | undefined
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i]
      if (typeof item !== 'object' || item === null) continue
      const ordered = sorted(item)
      if (ordered !== item) (list ??= [...value])[i] = ordered
    }
    return list ?? value
  }
  if (!isObject(value)) return value
  const names = Object.keys(value)
  let isSame = true
  for (let i = 1; i < names.length && isSame; i++) isSame = names[i - 1]! < names[i]!
  if (!isSame) names.sort()
  const members = names.map((name) => {
    const member = value[name]
    const ordered = typeof member === 'object' && member !== null ? sorted(member) : member
    if (ordered !== member || member === undefined) isSame = false
    return ordered
  })
  if (isSame) return value
  const object: Record<string, unknown> = {}
  for (let i = 0; i < names.length; i++) if (members[i] !== undefined) setOwn(object, names[i]!, members[i])
  return object
}
