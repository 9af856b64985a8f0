import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { millisecondsOf } from '#machinery/time.ts'
import type { NodeServices } from './nodeServices.ts'
import type { IssuedToken } from './volumes/volumeType.ts'

interface TokenAnswer {
  readonly status: { readonly token: string; readonly expirationTimestamp: string }
}

/** Asks the API server for a token of the pod's service account, bound to the pod. */
export async function issueToken(
  { client, clock }: Pick<NodeServices, 'client' | 'clock'>,
  pod: Pod,
  audience: string | undefined,
  expirationSeconds: number,
  signal: AbortSignal,
): Promise<IssuedToken> {
  const { name, namespace = '', uid = '' } = pod.metadata
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: {
      audiences: audience === undefined || audience === '' ? [] : [audience],
      expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    },
  }
  const account = { name: pod.spec.serviceAccountName ?? 'default', namespace }
  const answer = await client.createSubresource<object, TokenAnswer>(
    serviceAccounts as never,
    account,
    'token',
    request,
    { signal },
  )
  const { token, expirationTimestamp } = answer.status
  return { token, expiresAt: millisecondsOf(expirationTimestamp) ?? clock.now() }
}
