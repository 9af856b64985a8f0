import type { AnonymousPaths, Authenticator } from './authenticate/authenticator.ts'
import type { Deadlines } from '#lib/async/deadlines.ts'
import type { Kind, Kinds } from './kind.ts'
import type { Authorization } from './authorize/authorizers.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Audit } from './audit/audit.ts'
import type { AuditRecord } from './audit/record.ts'
import { admitWhole } from './admission/chain.ts'
import { admissionBase, type RegistryContext, type WriteOptions } from './registry/context.ts'
import { longestFieldManager, unprintable } from './options.ts'
import type { Accepted } from '#machinery/codec/negotiate.ts'
import type { RequestInfo } from './requestInfo.ts'
import type { FlowControl } from './flowControl/flowControl.ts'
import type { Flows } from './flowControl/flowTable.ts'
import type { Place } from './flowControl/priorityLevel.ts'
import { requestKindOf, type InFlight, type RequestLimits } from './requestLimits.ts'
import type { ServerReply, ServerRequest } from './request.ts'
import type { Caller } from './strategy.ts'
import type { AnsweredRequest } from './metrics/requestMetrics.ts'
import type { ServerMetrics } from './metrics/serverMetrics.ts'
import type { Discovery } from './endpoints/discovery.ts'
import type { Aggregation } from './extensions/aggregation/aggregation.ts'
import type { Health } from './health.ts'
import type { NodeConnector } from './nodeProxy.ts'
import type { OpenApiDocuments } from './endpoints/openapi.ts'
import type { TokenVerifier } from '#lib/pki/token.ts'
import type { ServiceAccountTokens } from './authenticate/serviceAccountTokens.ts'
import type { TokenAuthenticator } from './authenticate/tokenAuthenticator.ts'
import type { ServerVersion } from './endpoints/version.ts'

/** Everything that endpoints work with. */
export interface ServerContext {
  readonly registry: RegistryContext
  readonly kinds: Kinds
  readonly aggregation: Aggregation
  readonly authenticators: readonly Authenticator[]
  readonly authorization: Authorization
  readonly tokens: ServiceAccountTokens
  /** Every kind of bearer tokens that is known, in the order in which they are asked. */
  readonly tokenAuthenticators: readonly TokenAuthenticator[]
  /** What others may know of whoever issues the tokens of service accounts. */
  readonly issuer: { readonly issuer: string; readonly keysUrl: string; readonly verifier: TokenVerifier }
  readonly discovery: Discovery
  readonly openApi: OpenApiDocuments
  readonly health: Health
  readonly metrics: ServerMetrics
  /** Absent: nobody wants to know afterwards. */
  readonly audit: Audit | undefined
  readonly nodes: NodeConnector
  readonly version: ServerVersion
  /** How long watches last that do not say it, in milliseconds: between this and twice as long. */
  readonly minRequestTimeoutMs: number
  readonly bookmarkMs: number
  readonly limits: RequestLimits
  readonly flowControl: FlowControl
  readonly inFlight: InFlight
  /** Of requests that have `limits.timeout`. */
  readonly deadlines: Deadlines
  /** Whether requests of nobody in particular are looked at. */
  readonly allowAnonymous: AnonymousPaths
  /** Aborts when the server stops: watches end. */
  readonly closing: AbortSignal
  /** Told of errors that are bugs; the client gets a 500. */
  readonly onBug: (error: unknown, request: string) => void
}

/** One request on its way through the server. Each stage of the pipeline fills in its part. */
export interface Exchange {
  readonly server: ServerContext
  readonly request: ServerRequest
  /** Texts of `Warning` headers. */
  readonly warnings: string[]
  /** What admission noted for the audit log. */
  readonly auditAnnotations: Map<string, string>
  info: RequestInfo
  caller: Caller
  wanted: Accepted
  /** The kind that the path names. */
  kind: Kind | undefined
  /** The requests among which it is counted. */
  flows: Flows | undefined
  /** The place among the requests that run. */
  place: Place | undefined
  /** Whether it has been answered. */
  isOver: boolean
  /** What the audit log says of it, where that is wanted. */
  audit: AuditRecord | undefined
  /** As what clients and the audit log know it; empty without one. */
  auditId: string
  /** What went wrong that should not have. */
  panic: string | undefined
  /** Milliseconds since the epoch. */
  readonly received: number
  /** When the last step was over that is measured by itself. */
  since: number
  /** Milliseconds spent on waiting for webhooks. */
  outside: number
  /** Whether its body is so large that its work is done in several turns. */
  isLarge: boolean
}

/** A request as it is counted. What the path only claims to be there stays out. */
export function answeredRequest(exchange: Exchange): AnsweredRequest {
  const { info, request, server } = exchange
  if (!info.isResource) return { info, method: request.method, kind: undefined, isApply: false, dryRun: '' }
  const kind = exchange.kind ?? server.kinds.find(info.group, info.version, info.resource)
  const { subresource } = info
  const isKnown = subresource === '' || Object.hasOwn(kind?.strategy.subresources ?? {}, subresource)
  const tries = requestKindOf(info) === 'mutating' ? (request.query.get('dryRun') ?? '') : ''
  return {
    info,
    method: request.method,
    kind: isKnown ? kind : undefined,
    isApply: isApply(exchange),
    dryRun: tries === '' || tries === 'All' ? tries : 'invalid',
  }
}

/** Whether a request is an apply. */
export function isApply({ request, info }: Pick<Exchange, 'request' | 'info'>): boolean {
  if (info.verb !== 'patch') return false
  return (request.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase() === applyType
}

/** The media type of applies. */
export const applyType = 'application/apply-patch+yaml'

/** Answers one kind of request; at once where nothing is waited for. */
export type Endpoint = (exchange: Exchange, kind: Kind) => ServerReply | Promise<ServerReply>

/** What the registry needs to know of an exchange to write. */
export function writeOptions(exchange: Exchange, dryRun: boolean, fieldManager = '', sent: object = {}): WriteOptions {
  const { info } = exchange
  return {
    caller: exchange.caller,
    dryRun,
    manager: fieldManager === '' ? managerNamedBy(exchange.request.header('user-agent')) : fieldManager,
    form: exchange.kind?.storedAs === undefined ? undefined : exchange.kind,
    warn: (text) => addWarning(exchange, text),
    annotate: (key, value) => exchange.auditAnnotations.set(key, value),
    waited: (milliseconds) => void (exchange.outside += milliseconds),
    requested: { group: info.group, version: info.version, plural: info.resource },
    options: () => optionsObject(exchange, dryRun, sent),
    ...(exchange.isLarge ? { isLarge: true } : {}),
  }
}

const optionKinds: Readonly<Record<string, string>> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
}

/** The options of a write as the object that admission sees; `sent` came in the body of a deletion. */
function optionsObject({ info, request }: Exchange, dryRun: boolean, sent: object): object {
  const kind = optionKinds[info.verb] ?? 'CreateOptions'
  const texts = Object.fromEntries(
    ['fieldManager', 'fieldValidation'].flatMap((name) => {
      const value = kind === 'DeleteOptions' ? null : request.query.get(name)
      return value === null || value === '' ? [] : [[name, value]]
    }),
  )
  return { ...sent, kind, apiVersion: 'meta.k8s.io/v1', ...texts, ...(dryRun ? { dryRun: ['All'] } : {}) }
}

/** Asks admission about the body of a request to a part of the object that the path names, or about a connection to it. */
export function admitBody(
  exchange: Exchange,
  kind: Kind,
  operation: 'CREATE' | 'CONNECT',
  objectKind: Pick<Resource, 'group' | 'version' | 'kind'>,
  object: KubeObject,
  dryRun = false,
): undefined | Promise<void> {
  const { info, server } = exchange
  const { namespace, name, subresource } = info
  const { admission, cluster } = server.registry
  const base = admissionBase(writeOptions(exchange, dryRun), kind.resource)
  const request = { ...base, operation, resource: kind.resource, subresource, namespace, name, objectKind, object }
  return admitWhole(admission, request, cluster)
}

/** A client that names no field manager goes by what its user agent begins with, such as `kubectl` of `kubectl/v1.34.0`. */
function managerNamedBy(userAgent = ''): string {
  const end = userAgent.indexOf('/')
  const name = (end < 0 ? userAgent : userAgent.slice(0, end)).replace(unprintable, '')
  if (name === '') return 'unknown'
  return Buffer.byteLength(name) <= longestFieldManager ? name : beginningOf(name, longestFieldManager)
}

/** As many whole characters of a text as fit into some bytes. */
function beginningOf(text: string, bytes: number): string {
  const cut = Buffer.from(text).subarray(0, bytes).toString('utf8')
  return text.startsWith(cut) ? cut : cut.replace(/\uFFFD+$/, '')
}

/** Warnings of one reply together are bounded, each is named once. */
const mostWarnings = 64

export function addWarning({ warnings }: Exchange, text: string): void {
  if (warnings.length < mostWarnings && !warnings.includes(text)) warnings.push(text)
}
