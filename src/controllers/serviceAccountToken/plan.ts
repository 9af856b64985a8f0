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
  const wanted = { 'ca.crt': base64(rootCertificate), namespace: base64(metadata.namespace ?? '') }
  const needsToken = (ownValue(data, 'token') ?? '') === ''
  const isFilled = Object.entries(wanted).every(([key, value]) => ownValue(data, key) === value)
  if (isFilled && !needsToken && known === uid) return { do: 'nothing' }
  const annotations = { ...metadata.annotations, [uidAnnotation]: uid }
  return {
    do: 'fill',
    needsToken,
    secret: { ...secret, metadata: { ...metadata, annotations }, data: { ...data, ...wanted } },
  }
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64')
