import { methodNotAllowed } from '#machinery/status.ts'
import { unknownResource } from '../errors.ts'
import { isApply, writeOptions, type Endpoint, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { thawObject } from '../objects.ts'
import { parseWriteOptions } from '../options.ts'
import { servingContext } from '../registry/context.ts'
import { updateObject } from '../registry/update.ts'
import { objectReply, type ServerReply } from '../request.ts'
import type { Subresource } from '../strategy.ts'
import { applyViewEndpoint } from './apply.ts'
import { bindingEndpoint } from './binding.ts'
import { connectEndpoint } from './connect.ts'
import { evictionEndpoint } from './eviction.ts'
import { logEndpoint } from './log.ts'
import { checkName } from './names.ts'
import { getEndpoint, readObject } from './read.ts'
import { readBodyChange } from './bodyChange.ts'
import { tokenEndpoint } from './token.ts'
import { storedKind, workingForm } from '../versions.ts'
import { patchEndpoint, updateEndpoint } from './write.ts'

/** Subresources that do more than read or write a part of their object. */
const special: Readonly<Record<string, Endpoint>> = {
  'pods/binding': bindingEndpoint,
  'pods/eviction': evictionEndpoint,
  'pods/log': logEndpoint,
  'serviceaccounts/token': tokenEndpoint,
}

const methods: Readonly<Record<string, Subresource['verbs'][number]>> = {
  get: 'get',
  create: 'create',
  update: 'update',
  patch: 'patch',
}

/** Answers a request for a part of an object. */
export function subresourceEndpoint(exchange: Exchange, kind: Kind): ServerReply | Promise<ServerReply> {
  const { info } = exchange
  const { subresources } = kind.strategy
  const rules =
    subresources !== undefined && Object.hasOwn(subresources, info.subresource)
      ? subresources[info.subresource]
      : undefined
  if (rules === undefined) throw unknownResource()
  if (rules.verbs.includes('connect')) return connectEndpoint(exchange, kind)
  if (info.rest !== '') throw unknownResource()
  const verb = methods[info.verb]
  if (verb === undefined || !rules.verbs.includes(verb)) throw methodNotAllowed()
  const own = special[`${info.resource}/${info.subresource}`]
  if (own !== undefined) return own(exchange, kind)
  const named = { name: info.subresource, rules }
  if (rules.body !== undefined) {
    return isApply(exchange) ? applyViewEndpoint(exchange, kind, named) : bodyEndpoint(exchange, kind, rules)
  }
  if (verb === 'get') return getEndpoint(exchange, kind)
  return verb === 'patch' ? patchEndpoint(exchange, kind, named) : updateEndpoint(exchange, kind, named)
}

/** A subresource whose body is of another kind, such as `Scale`: read from the parent, written into a copy of it. */
async function bodyEndpoint(exchange: Exchange, kind: Kind, rules: Subresource): Promise<ServerReply> {
  const { info, request, server } = exchange
  const { read, write, body } = rules
  if (info.verb === 'get') {
    if (read === undefined) throw methodNotAllowed()
    const { object } = await workingForm(kind, await readObject(exchange, kind))
    return objectReply(read(object))
  }
  if (write === undefined || body === undefined) throw methodNotAllowed()
  checkName(info.name)
  const isPatch = info.verb === 'patch'
  const query = parseWriteOptions(request.query, isPatch ? 'PatchOptions' : 'UpdateOptions')
  const options = writeOptions(exchange, query.dryRun, query.fieldManager)
  const change = await readBodyChange(exchange, body, query.fieldValidation)
  const { stored } = await updateObject(
    server.registry,
    storedKind(kind),
    {
      namespace: info.namespace,
      name: info.name,
      retryConflicts: change.anyRevision,
      subresource: { name: info.subresource, rules },
      change(old) {
        const object = thawObject(old)
        const sent = change.apply(read?.(old) ?? old)
        write(object, sent, servingContext(server.registry, options))
        const revision = sent.metadata?.resourceVersion ?? ''
        if (revision === '') delete object.metadata.resourceVersion
        else object.metadata.resourceVersion = revision
        return object
      },
    },
    options,
  )
  const { object } = await workingForm(kind, stored)
  return objectReply(read?.(object) ?? object)
}
