import { yieldToEventLoop } from '#lib/async/yield.ts'
import { methodNotAllowed } from '#machinery/status.ts'
import { unknownResource } from '../errors.ts'
import type { Endpoint, Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { replyInOwnForm } from '../versions.ts'
import type { ServerReply } from '../request.ts'
import { deleteCollectionEndpoint, deleteEndpoint } from './delete.ts'
import { getEndpoint, listEndpoint, watchEndpoint } from './read.ts'
import { reviewEndpoint } from './reviews.ts'
import { subresourceEndpoint } from './subresource.ts'
import { createEndpoint, patchEndpoint, updateEndpoint } from './write.ts'

/** What answers each verb on a whole resource. */
const byVerb: Readonly<Record<string, Endpoint>> = {
  get: getEndpoint,
  list: listEndpoint,
  watch: watchEndpoint,
  create: createEndpoint,
  update: updateEndpoint,
  patch: patchEndpoint,
  delete: deleteEndpoint,
  deletecollection: deleteCollectionEndpoint,
}

/** Answers a request for a kind that is served. */
export function resourceEndpoint(exchange: Exchange, kind: Kind): ServerReply | Promise<ServerReply> {
  checkScope(exchange, kind)
  const reply = endpointFor(exchange, kind)(exchange, kind)
  return reply instanceof Promise ? inOwnFormLater(reply, exchange, kind) : replyInOwnForm(reply, kind)
}

function endpointFor(exchange: Exchange, kind: Kind): Endpoint {
  const { verb, subresource } = exchange.info
  if (subresource !== '') return subresourceEndpoint
  const review = reviewEndpoint(kind)
  if (review !== undefined) {
    if (verb !== 'create') throw methodNotAllowed()
    return review
  }
  const endpoint = byVerb[verb]
  const isAllowed = endpoint !== undefined && servesVerb(kind, verb) && takesName(exchange)
  if (!isAllowed) throw methodNotAllowed()
  return endpoint
}

async function inOwnFormLater(pending: Promise<ServerReply>, exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const reply = await pending
  if (exchange.isLarge) await yieldToEventLoop()
  return replyInOwnForm(reply, kind)
}

/** Whether the verb goes with a path that has, or lacks, a name. */
function takesName({ info, request }: Exchange): boolean {
  if (info.verb === 'create') return info.name === ''
  if (info.verb === 'update' || info.verb === 'patch') return info.name !== ''
  return request.method !== 'OPTIONS'
}

/** Whether a kind has this verb; all have, unless its strategy names those that it has. */
function servesVerb(kind: Kind, verb: string): boolean {
  return kind.strategy.verbs === undefined || (kind.strategy.verbs as readonly string[]).includes(verb)
}

/** A kind is addressed in its scope: a namespaced object always in a namespace, others never. */
function checkScope({ info }: Exchange, kind: Kind): void {
  if (kind.resource.scope === 'Cluster') {
    if (info.namespace !== '' && kind.resource.plural !== 'namespaces') throw unknownResource()
    return
  }
  if (info.namespace !== '') return
  if (info.name !== '') throw unknownResource()
  if (info.verb !== 'list' && info.verb !== 'watch') throw methodNotAllowed()
}
