import type { KubeObject } from '#api/resource.ts'
import type { GroupVersionKind } from '#machinery/schema/model.ts'
import { decodeKind, type FieldValidation } from '../decode.ts'
import type { Exchange } from '../exchange.ts'
import { readPatchOf } from '../readPatch.ts'

/** What a PUT or PATCH makes of an object that is only a view of another one, such as a `Scale`. */
export interface BodyChange {
  /** The client named no revision that the object must have. */
  readonly anyRevision: boolean
  apply(current: KubeObject): KubeObject
}

/** Reads the body of a PUT or PATCH on a subresource with a kind of its own. */
export async function readBodyChange(
  exchange: Exchange,
  kind: GroupVersionKind,
  validation: FieldValidation,
): Promise<BodyChange> {
  if (exchange.info.verb === 'patch') {
    const patch = await readPatchOf(exchange, kind)
    return { anyRevision: true, apply: (current) => patch.apply(current, validation).object }
  }
  const object = await decodeKind(exchange, kind, validation)
  return { anyRevision: (object.metadata?.resourceVersion ?? '') === '', apply: () => object }
}
