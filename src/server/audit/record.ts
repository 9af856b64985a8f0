// What the audit log says of one request: `Event` of the group audit.k8s.io, one for each stage that the policy wants.
import type { KubeObject } from '#api/resource.ts'
import { microTimeText } from '#machinery/time.ts'
import type { Decision } from '../authorize/authorizer.ts'
import type { Query } from '../options.ts'
import { searchOf, type ServerReply, type ServerRequest } from '../request.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'
import { listKind, transformationOf } from '../transform.ts'
import type { AuditStage, Verdict } from './policy.ts'

/** What every event of a request says. */
interface Known {
  readonly id: string
  readonly verdict: Verdict
  readonly info: RequestInfo
  readonly requestUri: string
  readonly caller: Caller | undefined
  readonly sourceIps: readonly string[]
  readonly userAgent: string
  /** Milliseconds since the epoch. */
  readonly received: number
}

const longestUserAgent = 1_024

/** The beginning of a record, from a request whose sender is known, or was not recognized. */
export function knownOf(
  request: ServerRequest,
  info: RequestInfo,
  caller: Caller | undefined,
  verdict: Verdict,
  id: string,
  received: number,
): Known {
  const agent = request.header('user-agent') ?? ''
  const search = searchOf(request)
  return {
    id,
    verdict,
    info,
    requestUri: search === '' ? request.path : `${request.path}?${search}`,
    caller,
    sourceIps: sourceIps(request),
    userAgent: agent.length > longestUserAgent ? `${agent.slice(0, longestUserAgent)}...TRUNCATED` : agent,
    received,
  }
}

/** Where a request comes from, and through whom: all but the last are what its sender says. */
function sourceIps(request: ServerRequest): readonly string[] {
  const forwarded = (request.header('x-forwarded-for') ?? '').split(',').map((each) => each.trim())
  const real = (request.header('x-real-ip') ?? '').trim()
  const own = request.remoteAddress === '' ? '127.0.0.1' : request.remoteAddress
  const all = forwarded.filter((each) => each !== '')
  if (real !== '' && !all.includes(real)) all.push(real)
  if (all.at(-1) !== own) all.push(own)
  return all
}

interface ObjectReference {
  resource?: string
  namespace?: string
  name?: string
  uid?: string
  apiGroup?: string
  apiVersion?: string
  resourceVersion?: string
  subresource?: string
}

/** What is noted of a request so far. */
export class AuditRecord {
  readonly known: Known
  readonly #annotations: ReadonlyMap<string, string>
  readonly #own: Record<string, string> = {}
  readonly #object: ObjectReference | undefined
  #impersonated: Caller | undefined
  #requested: string | undefined
  #responded: string | undefined
  #status: object | undefined

  /** `annotations`: what others note, read when an event is written. */
  constructor(known: Known, annotations: ReadonlyMap<string, string>) {
    const { info } = known
    this.known = known
    this.#annotations = annotations
    this.#object = info.isResource
      ? {
          resource: info.resource,
          namespace: info.namespace,
          name: info.name,
          uid: '',
          apiGroup: info.group,
          apiVersion: info.version,
          resourceVersion: '',
          subresource: info.subresource,
        }
      : undefined
  }

  /** Whether an event is wanted of a stage. */
  wants(stage: AuditStage): boolean {
    return !this.known.verdict.omitStages.has(stage)
  }

  impersonates(caller: Caller): void {
    this.#impersonated = caller
  }

  decided({ verdict, reason }: Decision): void {
    this.annotate('authorization.k8s.io/decision', verdict === 'allow' ? 'allow' : 'forbid')
    this.annotate('authorization.k8s.io/reason', reason)
  }

  annotate(key: string, value: string): void {
    this.#own[key] = value
  }

  /** Notes the object that was sent, as it was understood; it may be changed afterwards. */
  requested(object: unknown): void {
    const reference = this.#object
    if (reference === undefined || typeof object !== 'object' || object === null) return
    const { metadata } = object as Partial<KubeObject>
    for (const part of ['namespace', 'name', 'uid', 'resourceVersion'] as const) {
      if (reference[part] === '' && metadata?.[part] !== undefined) reference[part] = metadata[part]
    }
    if (this.#hasLevel('Request')) this.#requested = JSON.stringify(this.#shown(object))
  }

  /** Notes a patch, which is no object. */
  patched(patch: unknown): void {
    if (this.#object !== undefined && this.#hasLevel('Request')) this.#requested = JSON.stringify(patch)
  }

  /** Notes the answer. */
  answered(reply: ServerReply, query: Query, now: () => number): void {
    this.#status = statusOf(reply)
    if (this.#object === undefined || !this.#hasLevel('RequestResponse')) return
    const object = objectOf(reply, query, now)
    if (object !== undefined) this.#responded = JSON.stringify(this.#shown(object))
  }

  failed(message: string): void {
    this.#status = {
      metadata: {},
      status: 'Failure',
      message: `APIServer panic'd: ${message}`,
      reason: 'InternalError',
      code: 500,
    }
  }

  /** What the event of a stage says, as one line of JSON. */
  event(stage: AuditStage, now: number): string {
    const { known } = this
    const { verdict, id, requestUri, info, caller, sourceIps: ips, userAgent, received } = known
    const head = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: verdict.level,
      auditID: id,
      stage,
      requestURI: requestUri,
      verb: info.verb,
      user: caller === undefined ? {} : userOf(caller),
      ...(this.#impersonated === undefined ? {} : { impersonatedUser: userOf(this.#impersonated) }),
      sourceIPs: ips,
      ...(userAgent === '' ? {} : { userAgent }),
      ...(this.#object === undefined ? {} : { objectRef: filled(this.#object) }),
      ...(this.#status === undefined ? {} : { responseStatus: this.#status }),
    }
    const annotations = Object.entries({ ...Object.fromEntries(this.#annotations), ...this.#own })
    const tail = {
      requestReceivedTimestamp: microTimeText(received),
      stageTimestamp: microTimeText(stage === 'RequestReceived' ? received : now),
      ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations.toSorted(byKey)) }),
    }
    const requested = this.#requested === undefined ? '' : `,"requestObject":${this.#requested}`
    const responded = this.#responded === undefined ? '' : `,"responseObject":${this.#responded}`
    return `${JSON.stringify(head).slice(0, -1)}${requested}${responded},${JSON.stringify(tail).slice(1)}`
  }

  #hasLevel(level: 'Request' | 'RequestResponse'): boolean {
    const own = this.known.verdict.level
    return own === 'RequestResponse' || own === level
  }

  /** An object as the policy wants it shown. */
  #shown(object: object): object {
    if (!this.known.verdict.omitManagedFields) return object
    const { items, rows } = object as { readonly items?: unknown; readonly rows?: unknown }
    if (Array.isArray(items)) return { ...object, items: items.map(withoutOwners) }
    if (Array.isArray(rows)) {
      return {
        ...object,
        rows: rows.map((row: { readonly object?: unknown }) => ({ ...row, object: withoutOwners(row.object) })),
      }
    }
    return withoutOwners(object) as object
  }
}

const byKey = ([one]: readonly [string, string], [other]: readonly [string, string]): number => (one < other ? -1 : 1)

function withoutOwners(object: unknown): unknown {
  if (typeof object !== 'object' || object === null) return object
  const { metadata } = object as Partial<KubeObject>
  if (metadata?.managedFields === undefined) return object
  const { managedFields: _, ...rest } = metadata
  return { ...object, metadata: rest }
}

function userOf({ name, uid, groups, extra }: Caller): object {
  return {
    username: name,
    ...(uid === undefined || uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

function filled(reference: ObjectReference): object {
  return Object.fromEntries(Object.entries(reference).filter(([, value]) => value !== ''))
}

function statusOf(reply: ServerReply): object {
  const { code } = reply
  const status = reply.type === 'object' ? (reply.object as { readonly kind?: unknown }) : undefined
  if (status?.kind !== 'Status') return { metadata: {}, code }
  const { status: outcome, message, reason, details } = status as Record<string, unknown>
  return { metadata: {}, status: outcome, message, reason, details, code }
}

/** The kind is on the list, so it is not on its items. */
function withoutType({ kind: _, apiVersion: __, ...rest }: KubeObject): object {
  return rest
}

/** The object that a reply carries; undefined for streams. */
function objectOf(reply: ServerReply, query: Query, now: () => number): object | undefined {
  if (reply.type === 'object') return reply.object
  if (reply.type === 'stored') {
    const { object } = reply.stored
    return transformationOf(reply.kind, reply, query, now)?.one(object) ?? object
  }
  if (reply.type !== 'list') return undefined
  const items = reply.items.map(({ object }) => object)
  const transformation = transformationOf(reply.kind, reply, query, now)
  if (transformation === undefined) {
    const shown = reply.kind.custom === undefined ? items.map(withoutType) : items
    return { ...listKind(reply.kind), metadata: reply.metadata, items: shown }
  }
  return { ...transformation.frame(reply.metadata), [transformation.member]: items.map(transformation.item) }
}
