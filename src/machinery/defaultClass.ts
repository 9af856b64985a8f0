import type { KubeObject } from '#api/resource.ts'

/** The annotations that mark a storage class as the one of claims which name none. */
export const defaultClassMarks: readonly string[] = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]

/**
 * The class that is marked as the default by one of these annotations. Of several the newest, so that a new default can be
 * named before the old one is taken back; of equally old ones the first by name.
 */
export function findDefault<T extends KubeObject>(classes: Iterable<T>, marks: readonly string[]): T | undefined {
  let newest: T | undefined
  for (const each of classes) {
    if (!marks.some((key) => each.metadata.annotations?.[key] === 'true')) continue
    if (newest === undefined || comesFirst(each, newest)) newest = each
  }
  return newest
}

function comesFirst({ metadata: one }: KubeObject, { metadata: other }: KubeObject): boolean {
  const [madeOne, madeOther] = [one.creationTimestamp ?? '', other.creationTimestamp ?? '']
  return madeOne === madeOther ? one.name < other.name : madeOne > madeOther
}
