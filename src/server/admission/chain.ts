// Admission: what is changed in or refused of a write after it was authorized and decoded. One file per plugin; the
// array in plugins.ts is the order. What does not live here: rules of one kind, which are in its strategy.
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Random } from '#lib/random.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { forbidden, type StatusError } from '#machinery/status.ts'
import type { Caller } from '../strategy.ts'
import { beginSecondRound } from './reinvocation.ts'

/** One write, or one connection to a pod, service or node. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  /** The resource in the version in which it is stored; objects are in that form. */
  readonly resource: Resource
  /** The resource as the request named it. */
  readonly requested: Pick<Resource, 'group' | 'version' | 'plural'>
  readonly subresource: string
  /** The kind of `object` where it is not the resource's own: `Binding`, `Eviction`, `PodExecOptions`. */
  readonly objectKind?: Pick<Resource, 'group' | 'version' | 'kind'>
  readonly namespace: string
  /** Empty when the server is to make one. */
  readonly name: string
  readonly caller: Caller
  readonly dryRun: boolean
  /** Adds the text of a `Warning` header. */
  readonly warn: (text: string) => void
  /** Notes something for the audit log; keys are qualified names such as `pod-security.kubernetes.io/exempt`. */
  readonly annotate: (key: string, value: string) => void
  /** Told of milliseconds spent on waiting for a server outside, which is not to blame for them. */
  readonly waited?: (milliseconds: number) => void
  /** The options of the request as an object: `CreateOptions`, `DeleteOptions`. */
  readonly options: () => object
  /** Called when somebody outside has edited `object`: what only the system decides is put right again. */
  readonly onRewrite?: () => void
  /** Private to the request: `admit` may edit it. Absent for deletions. */
  readonly object?: KubeObject
  /** Frozen. */
  readonly old?: KubeObject
}

/** One of the versions of a resource. */
export interface VersionForm {
  readonly resource: Resource
  /** A stored object in the form of this version. */
  show(stored: KubeObject): KubeObject | Promise<KubeObject>
  /** A value in the form of this version as an object in the stored form: decoded, with defaults. Throws 500 when it is none. */
  read(value: unknown): KubeObject | Promise<KubeObject>
}

/** A kind that is served, in one version. */
export interface ServedKind {
  readonly resource: Resource
  readonly schema: Schema
}

/** What plugins may know of the rest of the cluster. */
export interface ClusterView {
  readonly now: number
  readonly random: Random
  newUid(): string
  /** All versions in which a resource is served, the stored one first. */
  forms(resource: Pick<Resource, 'group' | 'version' | 'plural'>): readonly VersionForm[]
  /** A served kind and its schema; undefined when there is none. */
  kind(name: Pick<Resource, 'group' | 'version' | 'kind'>): ServedKind | undefined
  /** An object as the server's cache has it. */
  get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): T | undefined
  list<T extends KubeObject>(resource: Resource<T>, namespace: string): readonly T[]
  /** Resolves after so many milliseconds. */
  pause(ms: number): Promise<void>
  /** Resolves once the cache holds all that was committed before the call. */
  current(): Promise<void>
  /**
   * Writes `changed` in the place of `old` if nobody else has written it since; false when somebody has. Past admission
   * and rules: for what the server itself keeps in an object's status.
   */
  replace<T extends KubeObject>(resource: Resource<T>, old: T, changed: T): Promise<boolean>
}

/** Whether a request is about objects of this resource; an absent subresource means the objects themselves. */
export function concerns(
  request: AdmissionRequest,
  resource: Pick<Resource, 'group' | 'plural'>,
  subresource = '',
): boolean {
  return (
    request.resource.plural === resource.plural &&
    request.resource.group === resource.group &&
    request.subresource === subresource
  )
}

/** The name as messages show it while the server has yet to make one. */
export function nameOf({ name, object }: AdmissionRequest): string {
  return name !== '' ? name : (object?.metadata.generateName ?? '')
}

/** The refusal of a request by a plugin. */
export function refusal(request: AdmissionRequest, why: string): StatusError {
  return forbidden(request.resource, nameOf(request), why)
}

/** A refusal is thrown as a StatusError. */
export interface AdmissionPlugin {
  readonly name: string
  /** Edits the object, before defaults of the kind are checked and rules applied. */
  admit?(request: AdmissionRequest, cluster: ClusterView): void | Promise<void>
  /** Looks at the object as it will be written. */
  validate?(request: AdmissionRequest, cluster: ClusterView): void | Promise<void>
}

export type AdmissionStep = 'admit' | 'validate'

/** Told what plugins take, in milliseconds. `asked` are all that take part in the step. */
export interface AdmissionMeter {
  /** All let a request pass. */
  passed(asked: readonly AdmissionPlugin[], operation: Operation, step: AdmissionStep, milliseconds: number): void
  /** One answered later. */
  waited(
    asked: readonly AdmissionPlugin[],
    plugin: AdmissionPlugin,
    operation: Operation,
    step: AdmissionStep,
    milliseconds: number,
  ): void
  /** One refused a request. */
  refused(plugin: AdmissionPlugin, operation: Operation, step: AdmissionStep, milliseconds: number): void
}

type Operation = AdmissionRequest['operation']

/** The plugins in their order, and who is told what they take. */
export interface AdmissionChain {
  readonly plugins: readonly AdmissionPlugin[]
  /** Those that take part in each step. */
  readonly admit: readonly AdmissionPlugin[]
  readonly validate: readonly AdmissionPlugin[]
  readonly meter: AdmissionMeter
}

export function admissionChain(plugins: readonly AdmissionPlugin[], meter: AdmissionMeter): AdmissionChain {
  return {
    plugins,
    admit: plugins.filter((plugin) => plugin.admit !== undefined),
    validate: plugins.filter((plugin) => plugin.validate !== undefined),
    meter,
  }
}

/** Lets plugins edit and judge what is not stored itself: a request to a part of an object, or for a connection. Undefined: done. */
export function admitWhole(
  chain: AdmissionChain,
  request: AdmissionRequest,
  cluster: ClusterView,
): undefined | Promise<void> {
  const admitted = admit(chain, request, cluster)
  return admitted === undefined
    ? validateAdmission(chain, request, cluster)
    : admitted.then(() => validateAdmission(chain, request, cluster))
}

/**
 * Lets every plugin edit the object, in order; once more when one that is not ours has, so that all see what came of it.
 * Undefined: all are done, for most answer at once.
 */
export function admit(
  chain: AdmissionChain,
  request: AdmissionRequest,
  cluster: ClusterView,
): undefined | Promise<void> {
  const again = (): undefined | Promise<void> =>
    beginSecondRound(request) ? ask(chain, 'admit', request, cluster) : undefined
  const pending = ask(chain, 'admit', request, cluster)
  return pending === undefined ? again() : pending.then(again)
}

/** Asks every plugin whether the write may happen. Undefined: all have answered. */
export function validateAdmission(
  chain: AdmissionChain,
  request: AdmissionRequest,
  cluster: ClusterView,
): undefined | Promise<void> {
  return ask(chain, 'validate', request, cluster)
}

/** Asks the plugins from one on. `began`: when the first of them was asked. */
function ask(
  chain: AdmissionChain,
  step: AdmissionStep,
  request: AdmissionRequest,
  cluster: ClusterView,
  from = 0,
  began = cluster.now,
): undefined | Promise<void> {
  const { meter, [step]: asked } = chain
  const { operation } = request
  for (let at = from; at < asked.length; at++) {
    const plugin = asked[at]!
    let pending: void | Promise<void>
    try {
      pending = step === 'admit' ? plugin.admit!(request, cluster) : plugin.validate!(request, cluster)
    } catch (error) {
      meter.refused(plugin, operation, step, cluster.now - began)
      throw error
    }
    if (pending !== undefined) return askOthersLater(chain, step, request, cluster, at, began, pending)
  }
  meter.passed(asked, operation, step, cluster.now - began)
  return undefined
}

/** Waits for the answer of the plugin at `at`, and asks those behind it. */
async function askOthersLater(
  chain: AdmissionChain,
  step: AdmissionStep,
  request: AdmissionRequest,
  cluster: ClusterView,
  at: number,
  began: number,
  pending: Promise<void>,
): Promise<void> {
  const { meter, [step]: asked } = chain
  const { operation } = request
  const plugin = asked[at]!
  const since = cluster.now
  try {
    await pending
  } catch (error) {
    meter.refused(plugin, operation, step, cluster.now - began)
    throw error
  }
  meter.waited(asked, plugin, operation, step, cluster.now - since)
  await ask(chain, step, request, cluster, at + 1, began)
}
