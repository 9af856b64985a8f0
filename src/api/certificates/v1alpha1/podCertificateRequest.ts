// Certificates that kubelets ask for on behalf of pods.
import { resource } from '#api/resource.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Bytes, Time, int32 } from '#api/scalars.ts'

/** Asks a signer for a certificate for a pod; the kubelet writes it, the signer answers in the status. */
export interface PodCertificateRequest extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What is asked for, and for which pod. @default {} */
  spec: PodCertificateRequestSpec
  /** The certificate, or why there is none. @default {} */
  status?: PodCertificateRequestStatus
}

/** The kind PodCertificateRequest as it is addressed: `podcertificaterequests` of certificates.k8s.io. */
export const podCertificateRequests = resource<PodCertificateRequest>({
  group: 'certificates.k8s.io',
  version: 'v1alpha1',
  kind: 'PodCertificateRequest',
  plural: 'podcertificaterequests',
  scope: 'Namespaced',
})

/** What certificate is asked for, and for which pod; never changes. */
export interface PodCertificateRequestSpec {
  /** Who is to sign. */
  signerName: string
  /** The pod. */
  podName: string
  /** The uid of the pod. */
  podUID: string
  /** The account that the pod runs as. */
  serviceAccountName: string
  /** The uid of the account. */
  serviceAccountUID: string
  /** The node on which the pod runs. */
  nodeName: string
  /** The uid of the node. */
  nodeUID: string
  /** The longest time in seconds for which the certificate may be valid, from an hour to 91 days. @default 86400 */
  maxExpirationSeconds?: int32
  /** The public key of the pod, as DER in the form of PKIX. */
  pkixPublicKey: Bytes
  /** A signature over the uid of the pod, made with the private key. */
  proofOfPossession: Bytes
}

/** The certificate for a pod, or why there is none. */
export interface PodCertificateRequestStatus {
  /** Whether the certificate was issued, denied, or could not be made. @listMap type */
  conditions?: Condition[]
  /** The certificate in PEM, followed by those of the authorities between it and the root. */
  certificateChain?: string
  /** When the certificate begins to be valid. */
  notBefore?: Time
  /** When the kubelet should begin to ask for the next one. */
  beginRefreshAt?: Time
  /** When the certificate ends to be valid. */
  notAfter?: Time
}

/** Several objects of kind PodCertificateRequest, as a list request returns them. */
export interface PodCertificateRequestList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PodCertificateRequest[]
}
