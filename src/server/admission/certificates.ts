// Who may decide about certificates: the permission is about the signer that a request names.
import { clusterTrustBundles, type ClusterTrustBundle } from '#api/certificates/v1beta1/clusterTrustBundle.ts'
import {
  certificateSigningRequests,
  type CertificateSigningRequest,
} from '#api/certificates/v1/certificateSigningRequest.ts'
import { podCertificateRequests, type PodCertificateRequest } from '#api/certificates/v1alpha1/podCertificateRequest.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { messageOf } from '#lib/errorText.ts'
import { readRequest } from '#lib/pki/request.ts'
import { invalid } from '#machinery/status.ts'
import { createReport, problemCauses } from '#machinery/validate/report.ts'
import type { Caller } from '../strategy.ts'
import { concerns, refusal, type AdmissionPlugin, type AdmissionRequest } from './chain.ts'

/** Whether somebody may do something with a signer: `approve`, `sign` or `attest`. */
export type MaySign = (caller: Caller, verb: string, signer: string) => boolean

/** Requests for certificates are approved and denied by those who may for their signer. */
export function certificateApproval(may: MaySign): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    validate(request) {
      if (!concerns(request, certificateSigningRequests, 'approval') || request.operation !== 'UPDATE') return
      const { signerName } = (request.old as CertificateSigningRequest).spec
      check(may, request, 'approve', signerName, 'approve requests with signerName')
    },
  }
}

/** Certificates are written, and signing called failed, by those who may sign. */
export function certificateSigning(may: MaySign): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    validate(request) {
      if (request.operation !== 'UPDATE') return
      if (concerns(request, podCertificateRequests, 'status')) checkPodSigning(may, request)
      if (!concerns(request, certificateSigningRequests, 'status')) return
      const [changed, old] = [request.object as CertificateSigningRequest, request.old as CertificateSigningRequest]
      const decided = ({ status }: CertificateSigningRequest): unknown => [
        status?.certificate ?? '',
        status?.conditions ?? [],
      ]
      if (sameJson(decided(changed), decided(old))) return
      check(may, request, 'sign', old.spec.signerName, 'sign requests with signerName')
    },
  }
}

/** Certificates of pods are issued, denied and called failed by those who may sign, which upstream says as a rule of the kind. */
function checkPodSigning(may: MaySign, request: AdmissionRequest): void {
  const [changed, old] = [request.object as PodCertificateRequest, request.old as PodCertificateRequest]
  if (sameJson(changed.status ?? {}, old.status ?? {})) return
  const { caller } = request
  const { signerName } = old.spec
  if (maySign(may, caller, 'sign', signerName)) return
  const { report, problems } = createReport()
  const why = `User ${JSON.stringify(caller.name)} is not permitted to "sign" for signer ${JSON.stringify(signerName)}`
  report.at('spec', 'signerName').forbidden(why)
  throw invalid(podCertificateRequests, old.metadata.name, problemCauses(problems))
}

/** Bundles of trust for a signer are written by those who may attest for it. */
export function clusterTrustBundleAttest(may: MaySign): AdmissionPlugin {
  return {
    name: 'ClusterTrustBundleAttest',
    validate(request) {
      if (!concerns(request, clusterTrustBundles)) return
      if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return
      const { spec } = request.object as ClusterTrustBundle
      if (request.old !== undefined && sameJson(spec, (request.old as ClusterTrustBundle).spec)) return
      if ((spec.signerName ?? '') !== '') check(may, request, 'attest', spec.signerName!, 'attest for signerName')
    },
  }
}

function check(may: MaySign, request: AdmissionRequest, verb: string, signer: string, what: string): void {
  if (maySign(may, request.caller, verb, signer)) return
  throw refusal(request, `user not permitted to ${what} ${JSON.stringify(signer)}`)
}

/** A permission can be for all signers of a domain. */
function maySign(may: MaySign, caller: Caller, verb: string, signer: string): boolean {
  return may(caller, verb, signer) || may(caller, verb, `${signer.slice(0, signer.indexOf('/'))}/*`)
}

const clientSigner = 'kubernetes.io/kube-apiserver-client'
const masters = 'system:masters'

/** Nobody asks for a certificate that makes its owner the master of the cluster for good. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  validate(request) {
    if (request.operation !== 'CREATE' || !concerns(request, certificateSigningRequests)) return
    const { spec } = request.object as CertificateSigningRequest
    if (spec.signerName !== clientSigner) return
    if (organizationsOf(request, spec.request).includes(masters)) {
      throw refusal(request, `use of ${clientSigner} signer with ${masters} group is not allowed`)
    }
  },
}

function organizationsOf(request: AdmissionRequest, encoded: string): readonly string[] {
  try {
    return readRequest(Buffer.from(encoded, 'base64').toString('utf8')).subject.organizations ?? []
  } catch (error) {
    throw refusal(request, `failed to parse CSR: ${messageOf(error)}`)
  }
}
