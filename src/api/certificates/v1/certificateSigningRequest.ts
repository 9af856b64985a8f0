// Certificates that are asked for.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Bytes, Time, int32 } from '#api/scalars.ts'

/** Asks a signer for a certificate; somebody approves it, and the signer puts the certificate into the status. */
export interface CertificateSigningRequest extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What is asked for, and by whom. @default {} */
  spec: CertificateSigningRequestSpec
  /** Whether it was approved, and the certificate. @default {} */
  status?: CertificateSigningRequestStatus
}

/** The kind CertificateSigningRequest as it is addressed: `certificatesigningrequests` of certificates.k8s.io. */
export const certificateSigningRequests = resource<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  scope: 'Cluster',
  shortNames: ['csr'],
})

/** What certificate is asked for, and by whom; never changes. */
export interface CertificateSigningRequestSpec {
  /** The request in PEM, a block `CERTIFICATE REQUEST` of PKCS #10. */
  request: Bytes
  /** Who is to sign, such as `kubernetes.io/kube-apiserver-client`. */
  signerName: string
  /** Seconds for which the certificate should be valid, at least 600; the signer may choose otherwise. */
  expirationSeconds?: int32
  /** What the key may be used for. */
  usages?: KeyUsage[]
  /** The name of the user who asks; filled in by the server. */
  username?: string
  /** The uid of the user who asks; filled in by the server. */
  uid?: string
  /** The groups of the user who asks; filled in by the server. */
  groups?: string[]
  /** What else is known of the user who asks; filled in by the server. */
  extra?: Record<string, string[]>
}

/** Whether a request was approved, and the certificate. */
export interface CertificateSigningRequestStatus {
  /** Whether it was approved, denied, or could not be signed. @listMap type @replace */
  conditions?: CertificateSigningRequestCondition[]
  /** The certificate in PEM, followed by those of the authorities between it and the root. */
  certificate?: Bytes
}

/** One fact about a request. */
export interface CertificateSigningRequestCondition {
  /** The kind of fact, such as `Approved`, `Denied` or `Failed`. */
  type: string
  /** Whether it holds; approvals, denials and failures only ever do. */
  status: ConditionStatus
  /** One word in CamelCase that says why, for programs. */
  reason?: string
  /** Why, for people. */
  message?: string
  /** When it was last written. */
  lastUpdateTime?: Time
  /** When `status` last changed. */
  lastTransitionTime?: Time
}

/** Several objects of kind CertificateSigningRequest, as a list request returns them. */
export interface CertificateSigningRequestList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: CertificateSigningRequest[]
}

/** What a key may be used for, as RFC 5280 calls it. */
export type KeyUsage =
  | 'any'
  | 'cert sign'
  | 'client auth'
  | 'code signing'
  | 'content commitment'
  | 'crl sign'
  | 'data encipherment'
  | 'decipher only'
  | 'digital signature'
  | 'email protection'
  | 'encipher only'
  | 'ipsec end system'
  | 'ipsec tunnel'
  | 'ipsec user'
  | 'key agreement'
  | 'key encipherment'
  | 'microsoft sgc'
  | 'netscape sgc'
  | 'ocsp signing'
  | 's/mime'
  | 'server auth'
  | 'signing'
  | 'timestamping'
