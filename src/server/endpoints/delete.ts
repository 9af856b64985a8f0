import type { DeleteOptions } from '#api/meta/v1/options.ts'
import type { KubeObject } from '#api/resource.ts'
import { isReason, success } from '#machinery/status.ts'
import { decodeOptions } from '../decode.ts'
import { writeOptions, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { checkDeleteOptions, parseDeleteQuery, parseListOptions } from '../options.ts'
import { storedKind } from '../versions.ts'
import { deleteObject, type DeleteResult } from '../registry/delete.ts'
import { listObjects } from '../registry/list.ts'
import { objectReply, type ServerReply } from '../request.ts'
import type { StoredObject } from '../storedObject.ts'
import { checkName } from './names.ts'

/** Objects of one deletecollection that are deleted at the same time. */
const atOnce = 16

export async function deleteEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info } = exchange
  checkName(info.name)
  const wanted = await readDeleteOptions(exchange)
  const options = writeOptions(exchange, (wanted.dryRun?.length ?? 0) > 0, '', wanted)
  const result = await deleteObject(server.registry, storedKind(kind), info.namespace, info.name, wanted, options)
  return deletionReply(kind, result, wanted)
}

/** What a deletion answers: the object while it lives on, a Status once it is gone. */
function deletionReply(kind: Kind, { stored, gone }: DeleteResult, wanted: DeleteOptions): ServerReply {
  if (gone && kind.strategy.answersDeleted !== true) return objectReply(goneStatus(kind, stored.object))
  const code = !gone && wanted.orphanDependents === false ? 202 : 200
  return { type: 'stored', code, kind, stored }
}

function goneStatus(kind: Kind, { metadata }: KubeObject): object {
  const { group, plural } = kind.resource
  return success({
    name: metadata.name,
    ...(group === '' ? {} : { group }),
    kind: plural,
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  })
}

export async function deleteCollectionEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const list = parseListOptions(request.query, kind)
  const wanted = await readDeleteOptions(exchange)
  const options = writeOptions(exchange, (wanted.dryRun?.length ?? 0) > 0, '', wanted)
  const { items, metadata } = await listObjects(server.registry, kind, info.namespace, list)
  const target = storedKind(kind)
  const deleted: StoredObject[] = []
  const waiting = [...items]
  const worker = async (): Promise<void> => {
    for (let each = waiting.shift(); each !== undefined; each = waiting.shift()) {
      const { name, namespace = '' } = each.object.metadata
      try {
        deleted.push((await deleteObject(server.registry, target, namespace, name, wanted, options)).stored)
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  deleted.sort((a, b) => (a.key < b.key ? -1 : 1))
  return { type: 'list', code: 200, kind, items: deleted, metadata }
}

/** The options of a deletion: the body's if there is one, otherwise the query's. */
async function readDeleteOptions(exchange: Exchange): Promise<DeleteOptions> {
  return checkDeleteOptions((await decodeOptions(exchange)) ?? parseDeleteQuery(exchange.request.query))
}
