import type { KubeObject, Resource } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { Store } from '#storage/store.ts'
import type { AdmissionChain, AdmissionRequest, ClusterView } from '../admission/chain.ts'
import type { Kind, Kinds } from '../kind.ts'
import type { Caller, ServingContext } from '../strategy.ts'
import type { WatchCache } from '../watchCache.ts'
import type { LeasePool } from './leasePool.ts'

/** What the verbs need of the server. */
export interface RegistryContext {
  readonly store: Store
  readonly cache: WatchCache
  readonly clock: Clock
  readonly random: Random
  readonly leases: LeasePool
  readonly newUid: () => string
  readonly admission: AdmissionChain
  readonly cluster: ClusterView
  readonly kinds: Kinds
  /** Refuses roles and bindings that give more than the caller has. */
  readonly guard: (write: GuardedWrite) => void | Promise<void>
  /** Refuses what is right in itself but reaches for objects that the caller may not read. */
  readonly guardChecked: (write: GuardedWrite) => void
}

/** A write before it is checked, as mutating admission left it. */
export interface GuardedWrite {
  readonly resource: Resource
  readonly object: KubeObject
  readonly old: KubeObject | undefined
  readonly caller: Caller
}

/** What is the same for every write of one request. */
export interface WriteOptions {
  readonly caller: Caller
  readonly dryRun: boolean
  /** Whom the fields belong to that the write sets. */
  readonly manager: string
  /** The kind that the client named, where it shows the objects of another. Its version is that of the owner's fields. */
  readonly form?: Kind | undefined
  /** Adds the text of a `Warning` header. */
  readonly warn: (text: string) => void
  /** Notes something for the audit log. */
  readonly annotate: (key: string, value: string) => void
  /** Told of milliseconds spent on waiting for a server outside. */
  readonly waited?: (milliseconds: number) => void
  /** The resource as the request named it; the stored kind's when absent. */
  readonly requested?: Pick<Resource, 'group' | 'version' | 'plural'>
  /** The options of the request as an object, for admission. */
  readonly options?: () => object
  /** The object is so large that others are let in between the steps of the write. */
  readonly isLarge?: true
}

/** From this size of a body, in bytes, each step of a write may take as long as a turn of the event loop should at most. */
export const largeBody = 128 * 1024

const ignore = (): void => {}
const noOptions = (): object => ({ kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' })

/** What admission is told about a write: who sends it and how, and where remarks go. */
export function admissionBase(
  options: WriteOptions,
  resource: Resource,
): Pick<AdmissionRequest, 'caller' | 'dryRun' | 'warn' | 'annotate' | 'waited' | 'requested' | 'options'> {
  const { caller, dryRun, warn, annotate, waited = ignore, requested = resource, options: sent = noOptions } = options
  return { caller, dryRun, warn, annotate, waited, requested, options: sent }
}

/** What strategies are told about the surroundings. */
export function servingContext(context: RegistryContext, options: WriteOptions): ServingContext {
  return { caller: options.caller, now: context.clock.now(), random: context.random, dryRun: options.dryRun }
}
