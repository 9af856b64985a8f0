import type { KubeObject } from '#api/resource.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { generateName } from '#machinery/generateName.ts'
import { alreadyExists, badRequest, failure, forbidden, type StatusError } from '#machinery/status.ts'
import { admit, validateAdmission, type AdmissionRequest } from '../admission/chain.ts'
import { plainFailure } from '../errors.ts'
import { keyOf, type Kind } from '../kind.ts'
import { dropPath } from '../objects.ts'
import { StoredObject } from '../storedObject.ts'
import { admissionBase, servingContext, type RegistryContext, type WriteOptions } from './context.ts'
import { timeText } from '#machinery/time.ts'
import { checkSize, toStore, writeObject } from './commit.ts'
import { checkOwners, ownCreated, type OwnerRule } from './owners.ts'
import { checkObject } from './prepare.ts'

/** What only the server says, and not of an object that is new. */
const notSet = ['deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink', 'resourceVersion'] as const

/** Names that `generateName` tries before it gives up. */
const nameAttempts = 8

/**
 * Creates an object. `object` is private to the call, decoded and in the namespace it is to live in. Resolves with what
 * was written; with dry run, with what would have been, without a revision.
 */
export async function createObject(
  context: RegistryContext,
  kind: Kind,
  object: KubeObject,
  options: WriteOptions,
  owners: OwnerRule = 'follow',
): Promise<StoredObject> {
  const { strategy, resource } = kind
  const { metadata } = object
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '') {
    throw plainFailure(500, 'resourceVersion should not be set on objects to be created')
  }
  if (kind.custom?.isEnding === true) {
    const why = 'create not allowed while custom resource definition is terminating'
    throw forbidden(resource, metadata.name ?? '', why)
  }
  const namespace = metadata.namespace ?? ''
  applyDefaults(kind.schema, object)
  strategy.default?.(object)
  const isLarge = options.isLarge === true
  if (isLarge) {
    await yieldToEventLoop()
    if (strategy.isOpen === true) checkSize(object)
  }
  if (owners === 'follow') ownCreated(context, kind, object, options)
  if (isLarge) await yieldToEventLoop()
  const { managedFields } = metadata
  const request: AdmissionRequest = {
    operation: 'CREATE',
    resource,
    subresource: '',
    namespace,
    name: metadata.name ?? '',
    ...admissionBase(options, resource),
    object,
  }
  const admitted = admit(context.admission, request, context.cluster)
  if (admitted !== undefined) await admitted
  const guarded = context.guard({ resource, object, old: undefined, caller: options.caller })
  if (guarded !== undefined) await guarded
  checkOwners(object, managedFields, options.warn)
  if ((metadata.namespace ?? '') !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  const serving = servingContext(context, options)
  const generated = (metadata.name === undefined || metadata.name === '') && (metadata.generateName ?? '') !== ''
  for (const name of notSet) if (metadata[name] !== undefined) delete metadata[name]
  metadata.uid = context.newUid()
  metadata.creationTimestamp = timeText(context.clock.now())
  if (strategy.generation === false) delete metadata.generation
  else metadata.generation = 1
  if (strategy.createsReserved !== true) for (const path of strategy.reserved ?? []) dropPath(object, path)
  metadata.name = generated ? unusedName(context, kind, namespace, metadata.generateName!) : (metadata.name ?? '')
  // Some defaults follow the name.
  if (generated) strategy.default?.(object)
  strategy.prepare?.(object, undefined, serving)
  if (strategy.readyRules !== undefined) await strategy.readyRules(object, undefined)
  const allocation = checkObject(kind, object, undefined, serving, options.warn)
  try {
    if (isLarge) await yieldToEventLoop()
    context.guardChecked({ resource, object, old: undefined, caller: options.caller })
    const validated = validateAdmission(context.admission, { ...request, name: metadata.name }, context.cluster)
    if (validated !== undefined) await validated
    const written = await commitNew(context, kind, object, namespace, owners, options.dryRun)
    if (written !== undefined) {
      allocation?.commit()
      return written
    }
  } catch (error) {
    allocation?.release()
    throw error
  }
  allocation?.release()
  throw generated ? noUniqueName(kind, metadata.name) : existsError(kind, namespace, metadata.name)
}

/**
 * A name from a base that no object has, as far as the cache knows. Another request that makes the same name at the same
 * moment is refused: clients try again then.
 */
function unusedName(context: RegistryContext, kind: Kind, namespace: string, base: string): string {
  for (let attempt = 1; ; attempt++) {
    const name = generateName(base, context.random)
    if (attempt >= nameAttempts || kind.cache.entries.get(keyOf(kind, namespace, name)) === undefined) return name
  }
}

/** Writes a new object; undefined when its name is taken. */
async function commitNew(
  context: RegistryContext,
  kind: Kind,
  object: KubeObject,
  namespace: string,
  owners: OwnerRule,
  dryRun: boolean,
): Promise<StoredObject | undefined> {
  const key = keyOf(kind, namespace, object.metadata.name)
  const pending = toStore(kind, object, owners)
  const { canonical, encoded } = pending instanceof Promise ? await pending : pending
  if (dryRun) {
    await context.cache.current()
    return kind.cache.entries.get(key) === undefined ? StoredObject.unwritten(key, 0, encoded) : undefined
  }
  const result = await writeObject(context, kind, key, 0, encoded, canonical)
  return result.ok ? result.stored : undefined
}

function existsError(kind: Kind, namespace: string, name: string): StatusError {
  const error = alreadyExists(kind.resource, name)
  const existing = kind.cache.entries.get(keyOf(kind, namespace, name))
  if (existing?.object.metadata.deletionTimestamp === undefined) return error
  return failure('AlreadyExists', `object is being deleted: ${error.message}`, error.status.details)
}

function noUniqueName(kind: Kind, name: string): StatusError {
  const error = alreadyExists(kind.resource, name)
  return failure(
    'AlreadyExists',
    `${error.message}, the server was not able to generate a unique name for the object`,
    error.status.details,
  )
}
