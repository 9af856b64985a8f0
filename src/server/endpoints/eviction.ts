import type { Eviction } from '#api/policy/v1/eviction.ts'
import { success } from '#machinery/status.ts'
import { decodeKind } from '../decode.ts'
import { admitBody, writeOptions, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { checkDeleteOptions, parseWriteOptions } from '../options.ts'
import { deleteObject } from '../registry/delete.ts'
import { objectReply, type ServerReply } from '../request.ts'
import { checkIdentity } from './write.ts'

const evictionKind = { group: 'policy', version: 'v1', kind: 'Eviction' }

/** Deletes a pod on behalf of somebody who needs its node, where its owner may have a say. */
export async function evictionEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const eviction = (await decodeKind(exchange, evictionKind, query.fieldValidation)) as Eviction
  checkIdentity(eviction, kind, info.namespace, info.name)
  const wanted = checkDeleteOptions(eviction.deleteOptions ?? {})
  const dryRun = query.dryRun || (wanted.dryRun?.length ?? 0) > 0
  await admitBody(exchange, kind, 'CREATE', evictionKind, eviction, dryRun)
  await deleteObject(server.registry, kind, info.namespace, info.name, wanted, writeOptions(exchange, dryRun))
  return objectReply({ ...success({}), code: 201, details: undefined }, 201)
}
