// The question to a webhook and its answer, as AdmissionReview (admission.k8s.io/v1, and v1beta1 where it knows no other).
import type { AdmissionResponse, AdmissionReview } from '#api/admission/v1/admissionReview.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import type { GroupVersionKind } from '#api/meta/v1/groupVersion.ts'
import type { Status } from '#api/meta/v1/status.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { decodeValue } from '#machinery/codec/schemaDecoder.ts'
import { isObject } from '#machinery/schema/model.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import { StatusError, type Reason, type StatusDetails } from '#machinery/status.ts'
import type { AdmissionRequest } from '../chain.ts'

/** The version of AdmissionReview to talk in: the first that both know. */
export function reviewVersion(accepted: readonly string[]): 'v1' | 'v1beta1' {
  const found = accepted.find((each) => each === 'v1' || each === 'v1beta1')
  if (found === undefined) {
    const problem = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)'
    throw new Error(`could not create admission objects: ${problem}`)
  }
  return found as 'v1' | 'v1beta1'
}

/** A request as a webhook is shown it. */
export interface Shown {
  /** The resource in the version that the webhook asked for, and as it was requested. */
  readonly resource: Pick<Resource, 'group' | 'version' | 'plural'>
  readonly requested: Pick<Resource, 'group' | 'version' | 'plural'>
  readonly kind: GroupVersionKind
  readonly requestKind: GroupVersionKind
  readonly object: KubeObject | undefined
  readonly old: KubeObject | undefined
}

/** The question. */
export function reviewOf(request: AdmissionRequest, shown: Shown, version: 'v1' | 'v1beta1', uid: string): object {
  const { caller, subresource, namespace, name, operation } = request
  const isNamespace = shown.requested.group === '' && shown.requested.plural === namespaces.plural
  const place = isNamespace ? name : namespace
  const part = subresource === '' ? {} : { subResource: subresource }
  const namesOf = ({ group, version: of, plural }: Shown['resource']) => ({ group, version: of, resource: plural })
  return {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      kind: shown.kind,
      resource: namesOf(shown.resource),
      ...part,
      requestKind: shown.requestKind,
      requestResource: namesOf(shown.requested),
      ...(subresource === '' ? {} : { requestSubResource: subresource }),
      ...(name === '' ? {} : { name }),
      ...(place === '' ? {} : { namespace: place }),
      operation,
      userInfo: {
        username: caller.name,
        ...(caller.uid === undefined ? {} : { uid: caller.uid }),
        ...(caller.groups.length === 0 ? {} : { groups: caller.groups }),
        ...(caller.extra === undefined || Object.keys(caller.extra).length === 0 ? {} : { extra: caller.extra }),
      },
      object: shown.object ?? null,
      oldObject: shown.old ?? null,
      dryRun: request.dryRun,
      options: request.options?.() ?? null,
    },
  }
}

/** What a webhook said, checked. */
export interface Answer {
  readonly allowed: boolean
  readonly status?: Status
  /** The text of a JSON patch. */
  readonly patch?: string
  readonly warnings: readonly string[]
  readonly auditAnnotations: Readonly<Record<string, string>>
}

/** Warnings of one answer together are no longer than this; what is beyond is left out. */
const mostWarningText = 4_096

const reviewKind = { group: 'admission.k8s.io', version: 'v1', kind: 'AdmissionReview' }

/** Reads an answer. Throws an Error that says why it is none. */
export function readAnswer(body: unknown, uid: string, version: 'v1' | 'v1beta1', mutating: boolean): Answer {
  const decoded = decodeValue(schemaOfKind(reviewKind)!, isObject(body) ? body : {})
  if ('problem' in decoded) throw new Error(decoded.problem)
  const { apiVersion = '', kind = '', response } = decoded.value as unknown as Partial<AdmissionReview>
  const refuse = (why: string): never => {
    throw new Error(`received invalid webhook response: ${why}`)
  }
  if (response === undefined) return refuse('webhook response was absent')
  if (version === 'v1') {
    if ((response.uid ?? '') !== uid) {
      refuse(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`)
    }
    if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview') {
      refuse(
        `expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${groupVersionText(apiVersion)}, Kind=${kind}`,
      )
    }
    checkPatch(response, mutating, refuse)
  }
  const { status, patch = '', warnings = [], auditAnnotations = {} } = response
  return {
    allowed: response.allowed === true,
    ...(status === undefined ? {} : { status }),
    ...(patch === '' || !mutating ? {} : { patch: Buffer.from(patch, 'base64').toString('utf8') }),
    warnings: bounded(warnings),
    auditAnnotations,
  }
}

function groupVersionText(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
}

function checkPatch(
  { patch = '', patchType }: AdmissionResponse,
  mutating: boolean,
  refuse: (why: string) => never,
): void {
  if (!mutating) {
    if (patch !== '') refuse('validating webhook may not return response.patch')
    if (patchType !== undefined) refuse('validating webhook may not return response.patchType')
    return
  }
  if (patch !== '' && patchType === undefined) refuse('webhook returned response.patch but not response.patchType')
  if (patch === '' && patchType !== undefined) refuse('webhook returned response.patchType but not response.patch')
  if (patchType === '') refuse('webhook returned invalid response.patchType of ""')
  if (patchType !== undefined && patchType !== 'JSONPatch') {
    throw new Error(`unsupported patch type ${JSON.stringify(patchType)}`)
  }
}

function bounded(warnings: readonly string[]): readonly string[] {
  let left = mostWarningText
  return warnings.flatMap((warning) => {
    const text = warning.slice(0, left)
    left -= text.length
    return text === '' ? [] : [text]
  })
}

/** The refusal of a request by a webhook, with what it said. */
export function denial(webhook: string, status: Status | undefined): StatusError {
  const { reason = '', message = '', details, code = 0 } = status ?? {}
  const why = message !== '' ? `: ${message}` : reason !== '' ? `: ${reason}` : ' without explanation'
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `admission webhook ${JSON.stringify(webhook)} denied the request${why}`,
    ...(reason === '' ? {} : { reason: reason as Reason }),
    ...(details === undefined ? {} : { details: details as StatusDetails }),
    // A refusal is no success, whatever the webhook calls it.
    code: code < 400 || code > 599 ? 400 : code,
  })
}
