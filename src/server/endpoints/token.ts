import type { TokenRequest } from '#api/authentication/v1/tokenRequest.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { secrets } from '#api/core/v1/secret.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { badRequest, conflict, invalid, notFound } from '#machinery/status.ts'
import { createReport, problemCauses } from '#machinery/validate/report.ts'
import type { BoundObject } from '../authenticate/serviceAccountTokens.ts'
import { extendedLifetime, warnedLifetime } from '../authenticate/projectedTokenUses.ts'
import { decodeKind } from '../decode.ts'
import { addWarning, admitBody, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { parseWriteOptions } from '../options.ts'
import { timeText } from '#machinery/time.ts'
import { objectReply, type ServerReply } from '../request.ts'
import { readObject } from './read.ts'

const tokenRequestKind = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }

const shortest = 600
const longest = 2 ** 32

/** Makes a token for a service account. */
export async function tokenEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const wanted = (await decodeKind(exchange, tokenRequestKind, query.fieldValidation)) as TokenRequest
  checkAddressed(wanted, info)
  const account = (await readObject(exchange, kind)).object
  const { uid = '' } = wanted.metadata ?? {}
  if (uid !== '' && uid !== account.metadata.uid) {
    const mismatch = `the UID in the token request (${uid}) does not match the UID of the service account (${account.metadata.uid})`
    const later = 'In the future, this will return a conflict error'
    addWarning(exchange, `${mismatch} but TokenRequestServiceAccountUIDValidation is not enabled. ${later}`)
  }
  await admitBody(exchange, kind, 'CREATE', tokenRequestKind, wanted, query.dryRun)
  const { spec } = wanted
  let expirationSeconds = spec.expirationSeconds ?? 3_600
  checkExpiration(expirationSeconds)
  const { longestSeconds } = server.tokens
  if (expirationSeconds > longestSeconds) {
    addWarning(exchange, `requested expiration of ${expirationSeconds} seconds shortened to ${longestSeconds} seconds`)
    expirationSeconds = longestSeconds
  }
  const audiences = (spec.audiences?.length ?? 0) === 0 ? server.tokens.audiences : spec.audiences
  const bound = findBound(exchange, spec.boundObjectRef, account.metadata.name)
  // Clients that read their token once, as those of before tokens ended, are told of and not cut off.
  const isExtended =
    server.tokens.extendsExpiration &&
    bound?.bound.kind === 'Pod' &&
    expirationSeconds === warnedLifetime &&
    audiences.every((audience) => server.tokens.audiences.includes(audience))
  const { token, expires } = await server.tokens.issue({
    namespace: info.namespace,
    account: { name: account.metadata.name, uid: account.metadata.uid ?? '' },
    audiences,
    ...(isExtended
      ? { expirationSeconds: extendedLifetime, warnAfterSeconds: expirationSeconds }
      : { expirationSeconds }),
    ...(bound === undefined ? {} : bound),
  })
  const answer: TokenRequest = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      ...wanted.metadata,
      name: account.metadata.name,
      namespace: info.namespace,
      uid: account.metadata.uid ?? '',
      creationTimestamp: timeText(server.registry.clock.now()),
    },
    spec: {
      audiences: [...audiences],
      expirationSeconds,
      ...(spec.boundObjectRef === undefined ? {} : { boundObjectRef: spec.boundObjectRef }),
    },
    status: { token, expirationTimestamp: timeText(expires) },
  }
  return objectReply(answer, 201)
}

/** A request that names an account means the one that is asked. */
function checkAddressed({ metadata }: TokenRequest, info: { readonly name: string; readonly namespace: string }): void {
  for (const member of ['name', 'namespace'] as const) {
    const said = metadata?.[member] ?? ''
    if (said === '' || said === info[member]) continue
    const { report, problems } = createReport()
    report.at('metadata', member).invalid(said, `must match the service account ${member} if specified`)
    throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, info.name, problemCauses(problems))
  }
}

function checkExpiration(seconds: number): void {
  const { report, problems } = createReport()
  const place = report.at('spec', 'expirationSeconds')
  if (seconds < shortest) place.invalid(seconds, 'may not specify a duration less than 10 minutes')
  if (seconds > longest) place.invalid(seconds, 'may not specify a duration larger than 2^32 seconds')
  if (problems.length > 0) {
    throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', problemCauses(problems))
  }
}

/** What the token is bound to must be there, be the one that is meant, and for a pod run as the account. */
function findBound(
  { server, info }: Exchange,
  reference: TokenRequest['spec']['boundObjectRef'],
  account: string,
): { readonly bound: BoundObject; readonly node?: { readonly name: string; readonly uid: string } } | undefined {
  if (reference === undefined) return undefined
  const { kind = '', name = '', uid = '' } = reference
  const resources: Readonly<Record<string, Resource | undefined>> = {
    Pod: pods as Resource,
    Secret: secrets as Resource,
    Node: nodes as Resource,
  }
  const resource = resources[kind]
  if (resource === undefined) {
    const { apiVersion = '' } = reference
    const version = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
    throw badRequest(`cannot bind token to object of type ${version}, Kind=${kind}`)
  }
  const { cluster } = server.registry
  const object: KubeObject | undefined = cluster.get(resource, kind === 'Node' ? '' : info.namespace, name)
  if (object === undefined) throw notFound(resource, name)
  const found = object.metadata.uid ?? ''
  if (uid !== '' && uid !== found) {
    throw conflict(
      { group: '', plural: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  }
  const bound: BoundObject = { kind: kind as BoundObject['kind'], name, uid: found }
  if (kind !== 'Pod') return { bound }
  const { spec } = object as Pod
  if (spec.serviceAccountName !== account) {
    throw badRequest(
      `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
    )
  }
  const node = (spec.nodeName ?? '') === '' ? undefined : cluster.get(nodes, '', spec.nodeName!)
  return node === undefined ? { bound } : { bound, node: { name: node.metadata.name, uid: node.metadata.uid ?? '' } }
}
