import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { Draft } from '#client/client.ts'

/** The ConfigMap by which pods trust the API server. */
export const certificateMap = 'kube-root-ca.crt'

const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

export type CertificatePlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'create' | 'update'; readonly map: Draft<ConfigMap> }

/** Decides what to do so that a namespace has the root certificate, whatever was done to its ConfigMap. */
export function planCertificate(
  namespace: string,
  present: ConfigMap | undefined,
  certificate: string,
): CertificatePlan {
  const annotations = { 'kubernetes.io/description': description }
  const data = { 'ca.crt': certificate }
  if (present === undefined) {
    return { do: 'create', map: { metadata: { name: certificateMap, namespace, annotations }, data } }
  }
  const same = present.data?.['ca.crt'] === certificate && Object.keys(present.data).length === 1
  // A text of somebody else's is left, as upstream leaves it.
  const described = (present.metadata.annotations?.['kubernetes.io/description'] ?? '') !== ''
  if (same && described) return { do: 'nothing' }
  const metadata = { ...present.metadata, annotations: { ...present.metadata.annotations, ...annotations } }
  return { do: 'update', map: { ...present, metadata, data } }
}
