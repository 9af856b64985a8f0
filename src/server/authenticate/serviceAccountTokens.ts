import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { secrets, type Secret } from '#api/core/v1/secret.ts'
import { serviceAccounts, type ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { TokenClaims, TokenResult, TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import type { ClusterView } from '../admission/chain.ts'
import { accountGroups, accountUser } from '../identities.ts'
import type { Caller } from '../strategy.ts'
import { noNotes, type Notes } from './authenticator.ts'
import type { LegacyTokenUses } from './legacyTokenUses.ts'
import type { ProjectedTokenUses } from './projectedTokenUses.ts'
import type { TokenAnswer, TokenAuthenticator } from './tokenAuthenticator.ts'

/** An object on whose life a token depends. */
export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node'
  readonly name: string
  readonly uid: string
}

export interface TokenOrder {
  readonly namespace: string
  readonly account: { readonly name: string; readonly uid: string }
  readonly audiences: readonly string[]
  readonly expirationSeconds: number
  readonly bound?: BoundObject
  /** After how many seconds it should be replaced, where it is good for longer; then this is what is told. */
  readonly warnAfterSeconds?: number
  /** The node of the pod that the token is bound to. */
  readonly node?: { readonly name: string; readonly uid: string }
}

/** The part of the claims that is Kubernetes' own. */
interface KubernetesClaims {
  readonly namespace?: string
  readonly serviceaccount?: { readonly name?: string; readonly uid?: string }
  readonly pod?: { readonly name: string; readonly uid: string }
  readonly secret?: { readonly name: string; readonly uid: string }
  readonly node?: { readonly name: string; readonly uid: string }
  /** Seconds since 1970. */
  readonly warnafter?: number
}

const claimName = 'kubernetes.io'

/** The issuer and the beginning of the claims of tokens that are kept in Secrets. */
export const secretIssuer = 'kubernetes/serviceaccount'
const secretClaims = 'kubernetes.io/serviceaccount/'

export interface ServiceAccountTokensOptions {
  readonly signer: TokenSigner
  readonly verifier: TokenVerifier
  readonly issuer: string
  /** The audiences of this server; tokens without a wish of their own get them all. */
  readonly audiences: readonly string[]
  readonly newId: () => string
  readonly cluster: ClusterView
  /** The longest life that tokens may ask for, in seconds; any when absent. */
  readonly longestSeconds?: number
  /** False: no token is good for longer than it was asked for. */
  readonly extendsExpiration?: boolean
  readonly projectedUses: ProjectedTokenUses
  /** Told of the uses of tokens that Secrets keep. */
  readonly legacyUses: LegacyTokenUses
}

/** An object without which a token is no good. */
interface Need {
  readonly resource: Resource
  readonly namespace: string
  readonly name: string
  readonly uid: string | undefined
}

/** Whose a token is, for whom it is meant and what it needs; one that a Secret keeps needs that and its account. */
interface Bearer {
  readonly caller: Caller
  readonly audiences: readonly string[]
  readonly needs: readonly Need[] | undefined
  /** When it should be replaced, though it is good for longer; in seconds since 1970. */
  readonly warnAfter?: number
}

/** Makes the tokens of service accounts, and says whose a token is. */
export class ServiceAccountTokens implements TokenAuthenticator {
  readonly name = 'ServiceAccountToken'
  readonly audiences: readonly string[]
  /** The longest life that a token gets, in seconds. */
  readonly longestSeconds: number
  /** Whether tokens of pods may be good for longer than they were asked for. */
  readonly extendsExpiration: boolean
  readonly #options: ServiceAccountTokensOptions
  readonly #bearers = new WeakMap<TokenClaims, Bearer>()

  constructor(options: ServiceAccountTokensOptions) {
    this.#options = options
    this.audiences = options.audiences
    this.longestSeconds = options.longestSeconds ?? Infinity
    this.extendsExpiration = options.extendsExpiration ?? true
  }

  /**
   * A signed token, and when it should be replaced. It dies with its account and with what it is bound to, and otherwise at
   * `expires`, or later where the order says so.
   */
  async issue(order: TokenOrder): Promise<{ readonly token: string; readonly expires: number }> {
    const { signer, issuer, newId, cluster } = this.#options
    const now = Math.floor(cluster.now / 1_000)
    const expires = now + order.expirationSeconds
    const { bound, node, warnAfterSeconds } = order
    const token = await signer.sign({
      aud: [...order.audiences],
      exp: expires,
      iat: now,
      iss: issuer,
      jti: newId(),
      [claimName]: {
        namespace: order.namespace,
        ...(node === undefined ? {} : { node }),
        ...(bound === undefined ? {} : { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
        serviceaccount: order.account,
        ...(warnAfterSeconds === undefined ? {} : { warnafter: now + warnAfterSeconds }),
      },
      nbf: now,
      sub: `system:serviceaccount:${order.namespace}:${order.account.name}`,
    })
    return { token, expires: (warnAfterSeconds === undefined ? expires : now + warnAfterSeconds) * 1_000 }
  }

  /** A token of the older kind, which is kept in a Secret and lasts as long as that. */
  async issueForSecret(secret: Secret, account: ServiceAccount): Promise<string> {
    const { name, namespace = '' } = secret.metadata
    return await this.#options.signer.sign({
      iss: secretIssuer,
      [`${secretClaims}namespace`]: namespace,
      [`${secretClaims}secret.name`]: name,
      [`${secretClaims}service-account.name`]: account.metadata.name,
      [`${secretClaims}service-account.uid`]: account.metadata.uid ?? '',
      sub: accountUser(namespace, account.metadata.name),
    })
  }

  /** Whose a token is, if it is good for one of the audiences; otherwise why not. Undefined: another issuer's. */
  verify(token: string, audiences: readonly string[], notes = noNotes): TokenAnswer | Promise<TokenAnswer> {
    const { verifier, cluster } = this.#options
    if (!verifier.claimsOurIssuer(token)) return undefined
    const result = verifier.verify(token, cluster.now)
    return result instanceof Promise
      ? result.then((checked) => this.#answer(checked, token, audiences, notes))
      : this.#answer(result, token, audiences, notes)
  }

  #answer(
    result: TokenResult,
    token: string,
    audiences: readonly string[],
    notes: Notes,
  ): TokenAnswer | Promise<TokenAnswer> {
    if (!result.ok) return { problem: result.problem }
    const { claims } = result
    const bearer = this.#bearerOf(claims)
    if (bearer.needs !== undefined && bearer.needs.length > 0 && bearer.needs.every(this.#isThere))
      return this.#take(bearer, audiences, notes)
    const loss = bearer.needs === undefined ? this.#findLostSecret(claims, token, notes) : this.#findLoss(bearer.needs)
    return loss.then((problem) => (problem === undefined ? this.#take(bearer, audiences, notes) : { problem }))
  }

  #take(bearer: Bearer, audiences: readonly string[], notes: Notes): TokenAnswer {
    const answer = goodFor(bearer, audiences)
    const { caller, warnAfter } = bearer
    const { projectedUses, cluster } = this.#options
    if (warnAfter !== undefined && answer !== undefined && 'caller' in answer)
      projectedUses.note(caller.name, warnAfter, cluster.now, notes)
    return answer
  }

  /** What the claims of a token say; read once for as long as the verifier knows them. */
  #bearerOf(claims: TokenClaims): Bearer {
    let bearer = this.#bearers.get(claims)
    if (bearer === undefined) {
      const { aud } = claims
      bearer =
        claims.iss === secretIssuer
          ? { caller: secretCaller(claims), audiences: this.audiences, needs: undefined }
          : {
              caller: callerOf(claims),
              audiences: typeof aud === 'string' ? [aud] : (aud ?? []),
              needs: needsOf(kubernetesClaims(claims)),
              ...warnAfterOf(kubernetesClaims(claims)),
            }
      this.#bearers.set(claims, bearer)
    }
    return bearer
  }

  /** The Secret must still hold this very token, and its account be the same one. */
  async #findLostSecret(claims: TokenClaims, token: string, notes: Notes): Promise<string | undefined> {
    const { cluster, legacyUses } = this.#options
    const { namespace, secret, account, uid } = claimsOfSecret(claims)
    const holds = (): boolean => {
      const stored = cluster.get(secrets, namespace, secret)
      const text = Buffer.from(stored?.data?.['token'] ?? '', 'base64').toString()
      return stored?.metadata.deletionTimestamp === undefined && text === token
    }
    const isThere = (): boolean => isAlive(cluster.get(serviceAccounts, namespace, account), uid)
    if (!holds() || !isThere()) await cluster.current()
    if (!holds()) return 'service account token has been invalidated'
    if (!isThere()) return `serviceaccount ${account} of the token is gone`
    return await legacyUses.note(
      cluster.get(secrets, namespace, secret)!,
      cluster.get(serviceAccounts, namespace, account)!,
      cluster.now,
      notes,
    )
  }

  /** What a token depends on and is no longer there. */
  async #findLoss(needs: readonly Need[]): Promise<string | undefined> {
    if (needs.length === 0) return 'token is not of a service account'
    for (const need of needs) {
      if (this.#isThere(need)) continue
      await this.#options.cluster.current()
      if (!this.#isThere(need)) return `${need.resource.kind.toLowerCase()} ${need.name} of the token is gone`
    }
    return undefined
  }

  readonly #isThere = ({ resource, namespace, name, uid }: Need): boolean =>
    isAlive(this.#options.cluster.get(resource, namespace, name), uid)
}

/** Whether a token is good for one of the audiences. */
function goodFor({ caller, audiences: given }: Bearer, audiences: readonly string[]): TokenAnswer {
  const common = given.filter((each) => audiences.includes(each))
  if (common.length > 0) return { caller, audiences: common }
  const [had, wanted] = [JSON.stringify(given), JSON.stringify(audiences)]
  return { problem: `token audiences ${had} are invalid for the target audiences ${wanted}` }
}

/** The objects on which a token depends; none: it is not of a service account. */
function needsOf({ namespace, serviceaccount, pod, secret, node }: KubernetesClaims): readonly Need[] {
  if (namespace === undefined || serviceaccount?.name === undefined) return []
  const all: readonly [Resource, string, { readonly name?: string; readonly uid?: string } | undefined][] = [
    [serviceAccounts as Resource, namespace, serviceaccount],
    [pods as Resource, namespace, pod],
    [secrets as Resource, namespace, secret],
    // The node of a pod's token is only told; it is a condition where the token is bound to nothing else.
    [nodes as Resource, '', pod === undefined ? node : undefined],
  ]
  return all.flatMap(([resource, where, reference]) =>
    reference?.name === undefined ? [] : [{ resource, namespace: where, name: reference.name, uid: reference.uid }],
  )
}

function isAlive(object: KubeObject | undefined, uid: string | undefined): boolean {
  return object !== undefined && (uid === undefined || object.metadata.uid === uid)
}

function kubernetesClaims(claims: TokenClaims): KubernetesClaims {
  const own = claims[claimName]
  return typeof own === 'object' && own !== null ? (own as KubernetesClaims) : {}
}

const warnAfterOf = ({ warnafter }: KubernetesClaims): Pick<Bearer, 'warnAfter'> =>
  typeof warnafter === 'number' && warnafter !== 0 ? { warnAfter: warnafter } : {}

function callerOf(claims: TokenClaims): Caller {
  const { namespace = '', serviceaccount, pod, node } = kubernetesClaims(claims)
  const { name = '', uid } = serviceaccount ?? {}
  const extra: Record<string, readonly string[]> = {}
  if (claims.jti !== undefined) extra['authentication.kubernetes.io/credential-id'] = [`JTI=${claims.jti}`]
  if (pod !== undefined) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name]
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid]
  }
  if (node !== undefined) {
    extra['authentication.kubernetes.io/node-name'] = [node.name]
    extra['authentication.kubernetes.io/node-uid'] = [node.uid]
  }
  return {
    name: accountUser(namespace, name),
    ...(uid === undefined ? {} : { uid }),
    groups: [...accountGroups(namespace), 'system:authenticated'],
    extra,
  }
}

function claimsOfSecret(claims: TokenClaims): Readonly<Record<'namespace' | 'secret' | 'account' | 'uid', string>> {
  const read = (claim: string): string => {
    const value = claims[secretClaims + claim]
    return typeof value === 'string' ? value : ''
  }
  return {
    namespace: read('namespace'),
    secret: read('secret.name'),
    account: read('service-account.name'),
    uid: read('service-account.uid'),
  }
}

function secretCaller(claims: TokenClaims): Caller {
  const { namespace, account, uid } = claimsOfSecret(claims)
  return { name: accountUser(namespace, account), uid, groups: [...accountGroups(namespace), 'system:authenticated'] }
}
