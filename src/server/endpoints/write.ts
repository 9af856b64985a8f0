import type { KubeObject } from '#api/resource.ts'
import { badRequest } from '#machinery/status.ts'
import { decodeObject } from '../decode.ts'
import { readPatch } from '../readPatch.ts'
import { addWarning, writeOptions, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { thaw } from '../objects.ts'
import { parseWriteOptions } from '../options.ts'
import { storedKind, toOwnForm, toStoredForm } from '../versions.ts'
import { createObject } from '../registry/create.ts'
import { updateObject, type UpdateRequest } from '../registry/update.ts'
import type { ServerReply } from '../request.ts'
import type { Subresource } from '../strategy.ts'
import { checkName } from './names.ts'

export async function createEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const object = await decodeObject(exchange, kind, query.fieldValidation)
  enterNamespace(object, kind, info.namespace)
  const stored = await createObject(
    server.registry,
    storedKind(kind),
    toStoredForm(kind, object),
    writeOptions(exchange, query.dryRun),
  )
  return { type: 'stored', code: 201, kind, stored }
}

export async function updateEndpoint(exchange: Exchange, kind: Kind, subresource?: NamedRules): Promise<ServerReply> {
  const { server, info, request } = exchange
  checkName(info.name)
  const query = parseWriteOptions(request.query, 'UpdateOptions')
  const object = await decodeObject(exchange, kind, query.fieldValidation)
  checkIdentity(object, kind, info.namespace, info.name)
  const { stored, created } = await updateObject(
    server.registry,
    storedKind(kind),
    {
      namespace: info.namespace,
      name: info.name,
      change: () => toStoredForm(kind, thaw(object)),
      retryConflicts: false,
      ...(kind.strategy.createOnUpdate === true && subresource === undefined
        ? { createInstead: () => toStoredForm(kind, thaw(object)) }
        : {}),
      ...(subresource === undefined ? {} : { subresource }),
    },
    writeOptions(exchange, query.dryRun),
  )
  return { type: 'stored', code: created ? 201 : 200, kind, stored }
}

export async function patchEndpoint(exchange: Exchange, kind: Kind, subresource?: NamedRules): Promise<ServerReply> {
  const { server, info, request } = exchange
  checkName(info.name)
  const patch = await readPatch(exchange, kind)
  const query = parseWriteOptions(request.query, 'PatchOptions')
  const update: UpdateRequest = {
    namespace: info.namespace,
    name: info.name,
    change: (old) => {
      const { object, warnings } = patch.apply(toOwnForm(kind, old), query.fieldValidation)
      for (const warning of warnings) addWarning(exchange, warning)
      checkIdentity(object, kind, info.namespace, info.name)
      return toStoredForm(kind, object)
    },
    retryConflicts: true,
    ...(subresource === undefined ? {} : { subresource }),
  }
  const target = storedKind(kind)
  const { stored } = await updateObject(server.registry, target, update, writeOptions(exchange, query.dryRun))
  return { type: 'stored', code: 200, kind, stored }
}

export interface NamedRules {
  readonly name: string
  readonly rules: Subresource
}

/** Puts an object into the namespace of the path; another one of its own is refused. */
function enterNamespace(object: KubeObject, kind: Kind, namespace: string): void {
  const { metadata } = object
  if (kind.resource.scope === 'Cluster' || namespace === '') {
    delete metadata.namespace
    return
  }
  if ((metadata.namespace ?? '') === '') metadata.namespace = namespace
  else if (metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
}

/** The object must be the one that the path names; what it leaves out is filled in. */
export function checkIdentity(object: KubeObject, kind: Kind, namespace: string, name: string): void {
  const { metadata } = object
  if ((metadata.name ?? '') === '') metadata.name = name
  if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  }
  if (kind.resource.scope === 'Cluster') return
  if ((metadata.namespace ?? '') === '') metadata.namespace = namespace
  if (metadata.namespace !== namespace) {
    throw badRequest(
      `the namespace of the object (${metadata.namespace}) does not match the namespace on the URL (${namespace})`,
    )
  }
}
