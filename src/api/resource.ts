// A kind is a value: what names it on the wire, tied to its TypeScript shape. Server, client and CLI are generic over it.
import type { ObjectMeta } from './meta/v1/objectMeta.ts'

/** What every stored object has. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

/** Names one kind and how it is addressed. The type parameter ties the name to its TypeScript shape. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** The API group; empty for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** The name in paths and on the command line, in lower case. */
  readonly plural: string
  readonly singular: string
  readonly shortNames?: readonly string[]
  /** Groups of kinds that commands can name at once, such as `all`. */
  readonly categories?: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster'
  /** Never set; carries T. */
  readonly _shape?: T
}

/** Makes a frozen Resource; the singular is the kind in lower case unless given. */
export function resource<T extends KubeObject>(
  names: Omit<Resource<T>, 'singular' | '_shape'> & { readonly singular?: string },
): Resource<T> {
  return Object.freeze({ singular: names.kind.toLowerCase(), ...names })
}

/** What objects of the kind carry as `apiVersion`: `v1`, or `apps/v1` with a group. */
export function apiVersionOf(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}
