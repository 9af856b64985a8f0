// The rules of metadata that hold wherever it stands: in objects, and in objects inside of others.
import type { ObjectMeta, OwnerReference } from '#api/meta/v1/objectMeta.ts'
import { dnsLabelProblems, labelValueProblems, pathSegmentProblems, qualifiedNameProblems } from './names.ts'
import type { Report } from './report.ts'

/** All annotations of an object together, keys and values, in bytes. */
const largestAnnotations = 256 * 1024

/** What is wrong with the metadata of an object inside of another one. */
export function validateEmbeddedMetadata(metadata: ObjectMeta, report: Report): void {
  if (metadata.generateName !== undefined && metadata.generateName !== '') {
    report.at('generateName').invalidBecause(metadata.generateName, pathSegmentProblems(metadata.generateName))
  }
  if ((metadata.name ?? '') !== '') report.at('name').invalidBecause(metadata.name, pathSegmentProblems(metadata.name))
  if ((metadata.namespace ?? '') !== '') {
    report.at('namespace').invalidBecause(metadata.namespace, dnsLabelProblems(metadata.namespace!))
  }
  validateCommon(metadata, report)
}

/** What has rules of its own that hold for new objects and for changes. */
export type CommonMetadata = {
  readonly [F in 'labels' | 'annotations' | 'ownerReferences' | 'finalizers']?: ObjectMeta[F] | undefined
}

/** Checks labels, annotations, owners and finalizers. */
export function validateCommon(metadata: CommonMetadata, report: Report): void {
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    report.at('labels').invalidBecause(key, qualifiedNameProblems(key))
    report.at('labels').invalidBecause(value, labelValueProblems(value))
  }
  validateAnnotations(metadata.annotations, report.at('annotations'))
  validateOwners(metadata.ownerReferences, report.at('ownerReferences'))
  for (const [index, finalizer] of (metadata.finalizers ?? []).entries()) {
    const place = report.at('finalizers', index)
    place.invalidBecause(finalizer, qualifiedNameProblems(finalizer))
  }
  const finalizers = metadata.finalizers ?? []
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    report.at('finalizers').invalid(finalizers, 'finalizer orphan and foregroundDeletion cannot be both set')
  }
}

function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, report: Report): void {
  if (annotations === undefined) return
  let size = 0
  for (const [key, value] of Object.entries(annotations)) {
    report.invalidBecause(key, qualifiedNameProblems(key.toLowerCase()))
    size += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (size > largestAnnotations) report.tooLong(largestAnnotations)
}

/** Kinds that may not own anything. */
const neverOwners = new Set(['v1/Event', 'events.k8s.io/v1/Event'])

function validateOwners(owners: readonly OwnerReference[] | undefined, report: Report): void {
  if (owners === undefined) return
  let controller: OwnerReference | undefined
  for (const [index, owner] of owners.entries()) {
    const place = report.at(index)
    const parts = owner.apiVersion.split('/')
    if (parts.length > 2)
      place.at('apiVersion').invalid(owner.apiVersion, `unexpected GroupVersion string: ${owner.apiVersion}`)
    if (owner.apiVersion === '') place.at('apiVersion').invalid(owner.apiVersion, 'version must not be empty')
    if (owner.kind === '') place.at('kind').invalid(owner.kind, 'must not be empty')
    if (owner.name === '') place.at('name').invalid(owner.name, 'must not be empty')
    if (owner.uid === '') place.at('uid').invalid(owner.uid, 'must not be empty')
    if (neverOwners.has(`${owner.apiVersion}/${owner.kind}`)) {
      const [version, group] = parts.length === 2 ? [parts[1], parts[0]] : [parts[0], '']
      report.invalid(owner, `${group}/${version}, Kind=${owner.kind} is disallowed from being an owner`)
    }
    if (owner.controller !== true) continue
    if (controller !== undefined) {
      report.invalid(
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${controller.kind}/${controller.name} and ${owner.kind}/${owner.name}`,
      )
    }
    controller = owner
  }
}
