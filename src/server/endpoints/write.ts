import type { KubeObject } from '#api/resource.ts'
import { badRequest } from '#machinery/status.ts'
import { authorizeCreation } from '../authorize/creation.ts'
import { decodeObject, decodeUpdate } from '../decode.ts'
import { readPatch, type Sharing } from '../readPatch.ts'
import { addWarning, isApply, writeOptions, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { thawObject } from '../objects.ts'
import { parseWriteOptions } from '../options.ts'
import { mayKeepRest } from '../strategy.ts'
import { storedKind, toOwnForm, toStoredForm } from '../versions.ts'
import { createObject } from '../registry/create.ts'
import type { Through } from '../registry/owners.ts'
import { updateObject, type UpdateRequest } from '../registry/update.ts'
import type { ServerReply } from '../request.ts'
import { applyEndpoint } from './apply.ts'
import { checkIdentity, checkName } from './names.ts'

export async function createEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const object = await decodeObject(exchange, kind, query.fieldValidation)
  enterNamespace(object, kind, info.namespace)
  const stored = await createObject(
    server.registry,
    storedKind(kind),
    toStoredForm(kind, object),
    writeOptions(exchange, query.dryRun, query.fieldManager),
  )
  return { type: 'stored', code: 201, kind, stored }
}

export async function updateEndpoint(exchange: Exchange, kind: Kind, subresource?: Through): Promise<ServerReply> {
  const { server, info, request } = exchange
  checkName(info.name)
  const query = parseWriteOptions(request.query, 'UpdateOptions')
  const object = await decodeUpdate(exchange, kind, query.fieldValidation)
  checkIdentity(object, kind, info.namespace, info.name)
  const { stored, created } = await updateObject(
    server.registry,
    storedKind(kind),
    {
      namespace: info.namespace,
      name: info.name,
      change: () => (isOnlyRead(kind, subresource) ? object : toStoredForm(kind, thawObject(object))),
      retryConflicts: false,
      ...(kind.strategy.createOnUpdate === true && subresource === undefined
        ? {
            createInstead: () => {
              authorizeCreation(exchange)
              return toStoredForm(kind, thawObject(object))
            },
          }
        : {}),
      ...(subresource === undefined ? {} : { subresource }),
    },
    writeOptions(exchange, query.dryRun, query.fieldManager),
  )
  return { type: 'stored', code: created ? 201 : 200, kind, stored }
}

export async function patchEndpoint(exchange: Exchange, kind: Kind, subresource?: Through): Promise<ServerReply> {
  const { server, info, request } = exchange
  if (isApply(exchange)) return applyEndpoint(exchange, kind, subresource)
  checkName(info.name)
  const patch = await readPatch(exchange, kind, sharingOf(kind, subresource))
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
  const { stored } = await updateObject(
    server.registry,
    target,
    update,
    writeOptions(exchange, query.dryRun, query.fieldManager),
  )
  return { type: 'stored', code: 200, kind, stored }
}

/** Whether only parts are taken of what is written; another version would have to complete it first. */
function isOnlyRead(kind: Kind, subresource: Through | undefined): boolean {
  return subresource?.rules.writes !== undefined && kind.storedAs === undefined
}

/** What a patched object may share with the one that was patched. */
function sharingOf(kind: Kind, subresource: Through | undefined): Sharing {
  if (isOnlyRead(kind, subresource)) return 'all'
  return subresource === undefined && kind.storedAs === undefined && mayKeepRest(kind.strategy) ? 'rest' : 'nothing'
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
