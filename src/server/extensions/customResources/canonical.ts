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
    const list = value.map(sorted)
    return list.some((item, i) => item !== value[i]) ? list : value
  }
  if (!isObject(value)) return value
  const names = Object.keys(value)
  let isSame = true
  for (let i = 1; i < names.length && isSame; i++) isSame = names[i - 1]! < names[i]!
  if (!isSame) names.sort()
  const object: Record<string, unknown> = {}
  for (const name of names) {
    const member = value[name]
    const ordered = typeof member === 'object' && member !== null ? sorted(member) : member
    if (ordered === undefined) isSame = false
    else {
      if (ordered !== member) isSame = false
      setOwn(object, name, ordered)
    }
  }
  return isSame ? value : object
}
