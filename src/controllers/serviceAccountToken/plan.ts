import type { Secret } from '#api/core/v1/secret.ts'
import type { ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import { ownValue } from '#lib/collections/ownValue.ts'

export const tokenType = 'kubernetes.io/service-account-token'
const nameAnnotation = 'kubernetes.io/service-account.name'
const uidAnnotation = 'kubernetes.io/service-account.uid'

/** The name of the account whose token a Secret is to hold; empty for Secrets that hold none. */
export function accountNameOf({ type, metadata }: Secret): string {
  return type === tokenType ? (ownValue(metadata.annotations, nameAnnotation) ?? '') : ''
}

export type TokenPlan =
  | { readonly do: 'nothing' }
  /** Its account is gone, or another one has the name. */
  | { readonly do: 'delete' }
  /** `needsToken`: the token is still to be made; the rest is in the Secret already. */
  | { readonly do: 'fill'; readonly secret: Secret; readonly needsToken: boolean }

/** What a Secret for a token of an account lacks. */
export function planToken(secret: Secret, account: ServiceAccount | undefined, rootCertificate: string): TokenPlan {
  if (secret.metadata.deletionTimestamp !== undefined) return { do: 'nothing' }
  const known = ownValue(secret.metadata.annotations, uidAnnotation) ?? ''
  const uid = account?.metadata.uid ?? ''
  if (account === undefined || (known !== '' && known !== uid)) return { do: 'delete' }
  const { data = {}, metadata } = secret
  const isEmpty = (key: string): boolean => (ownValue(data, key) ?? '') === ''
  const certificate = base64(rootCertificate)
  // The certificate follows the cluster's; what else is there already is left to whoever wrote it.
  const missing = {
    ...(certificate === '' || ownValue(data, 'ca.crt') === certificate ? {} : { 'ca.crt': certificate }),
    ...(isEmpty('namespace') ? { namespace: base64(metadata.namespace ?? '') } : {}),
  }
  const needsToken = isEmpty('token')
  if (Object.keys(missing).length === 0 && !needsToken) return { do: 'nothing' }
  const annotations = { ...metadata.annotations, [uidAnnotation]: uid }
  return {
    do: 'fill',
    needsToken,
    secret: { ...secret, metadata: { ...metadata, annotations }, data: { ...data, ...missing } },
  }
}

/** The account that a Secret was for, told apart from others that had its name. */
export interface FormerAccount {
  readonly name: string
  readonly uid: string
}

export function accountOf(secret: Secret): FormerAccount {
  return { name: accountNameOf(secret), uid: ownValue(secret.metadata.annotations, uidAnnotation) ?? '' }
}

/** An account without the reference to a Secret that is gone; undefined when nothing changes. */
export function withoutSecret(
  account: ServiceAccount,
  { uid }: FormerAccount,
  secret: string,
): ServiceAccount | undefined {
  if (uid !== '' && uid !== account.metadata.uid) return undefined
  const secrets = account.secrets?.filter(({ name }) => name !== secret)
  return secrets === undefined || secrets.length === account.secrets?.length ? undefined : { ...account, secrets }
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64')
