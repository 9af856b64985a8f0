import { timingSafeEqual } from 'node:crypto'
import { secrets, type Secret } from '#api/core/v1/secret.ts'
import type { ClusterView } from '../admission/chain.ts'
import type { Caller } from '../strategy.ts'
import { serverOnly, type TokenAuthenticator } from './tokenAuthenticator.ts'

const namespace = 'kube-system'
const namePrefix = 'bootstrap-token-'
const type = 'bootstrap.kubernetes.io/token'
const group = 'system:bootstrappers'
const extraGroup = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/

/**
 * Knows machines that are about to join by tokens `id.secret`, which are kept in Secrets `bootstrap-token-<id>` of
 * kube-system (KEP-130).
 */
export function bootstrapTokens(cluster: ClusterView, serverAudiences: readonly string[]): TokenAuthenticator {
  return serverOnly('BootstrapToken', serverAudiences, (token) => {
    const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? []
    if (id === undefined) return undefined
    const found = cluster.get(secrets, namespace, namePrefix + id)
    return found === undefined ? undefined : bootstrapCaller(found, id, secret!, cluster.now)
  })
}

function bootstrapCaller(stored: Secret, id: string, secret: string, now: number): Caller | undefined {
  const { metadata, data = {} } = stored
  if (stored.type !== type || metadata.deletionTimestamp !== undefined) return undefined
  const read = (key: string): string => (Object.hasOwn(data, key) ? Buffer.from(data[key]!, 'base64').toString() : '')
  if (read('token-id') !== id || !isSame(read('token-secret'), secret)) return undefined
  if (read('usage-bootstrap-authentication') !== 'true') return undefined
  const expiration = read('expiration')
  // What cannot be read counts as over.
  if (expiration !== '' && !(now < Date.parse(expiration))) return undefined
  const extra = read('auth-extra-groups')
  const groups = extra === '' ? [] : [...new Set(extra.split(','))].toSorted()
  if (!groups.every((each) => extraGroup.test(each))) return undefined
  return { name: `system:bootstrap:${id}`, groups: [group, ...groups] }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
