// The rules of `metadata`, the same for every kind.
import type { ObjectMeta, OwnerReference } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Report } from '#machinery/validate/report.ts'
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  pathSegmentProblems,
  qualifiedNameProblems,
} from '#machinery/validate/names.ts'
import type { Kind } from '../kind.ts'

/** All annotations of an object together, keys and values, in bytes. */
const largestAnnotations = 256 * 1024

/** Finalizers that need no domain. */
const standardFinalizers: readonly string[] = ['kubernetes', 'orphan', 'foregroundDeletion']

const nameChecks = {
  'dns-subdomain': dnsSubdomainProblems,
  'dns-label': dnsLabelProblems,
  'dns-1035-label': dns1035LabelProblems,
  'path-segment': pathSegmentProblems,
} as const

/** What is wrong with the metadata of an object that is to be created. */
export function validateMetadata(kind: Kind, object: KubeObject, report: Report): void {
  const { metadata } = object
  const { nameRule = 'dns-subdomain' } = kind.strategy
  const check = typeof nameRule === 'function' ? nameRule : nameChecks[nameRule]
  if (metadata.generateName !== undefined && metadata.generateName !== '') {
    report.at('generateName').invalidBecause(metadata.generateName, check(withoutDash(metadata.generateName)))
  }
  if (metadata.name === '') report.at('name').required('name or generateName is required')
  else report.at('name').invalidBecause(metadata.name, check(metadata.name))
  if (kind.resource.scope === 'Cluster') {
    if ((metadata.namespace ?? '') !== '') report.at('namespace').forbidden('not allowed on this type')
  } else if ((metadata.namespace ?? '') === '') report.at('namespace').required()
  else report.at('namespace').invalidBecause(metadata.namespace, dnsLabelProblems(metadata.namespace!))
  validateCommon(metadata, report)
}

/** A generated name ends in letters, so a base may end in a dash. */
function withoutDash(base: string): string {
  return base.length > 1 && base.endsWith('-') ? `${base.slice(0, -2)}a` : base
}

/** What is wrong with the metadata of an object that is to replace `old`. */
export function validateMetadataUpdate(object: KubeObject, old: KubeObject, report: Report): void {
  const { metadata } = object
  const before = old.metadata
  if (before.deletionTimestamp !== undefined) {
    const added = (metadata.finalizers ?? []).filter((each) => !before.finalizers?.includes(each))
    if (added.length > 0) {
      const list = added.map((each) => JSON.stringify(each)).join(', ')
      report
        .at('finalizers')
        .forbidden(
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        )
    }
  }
  for (const field of ['name', 'namespace'] as const) {
    if ((metadata[field] ?? '') !== (before[field] ?? '')) {
      report.at(field).invalid(metadata[field] ?? '', 'field is immutable')
    }
  }
  // What was valid when it was written stays valid: only what changed is looked at.
  const changed = <F extends keyof CommonMetadata>(field: F): CommonMetadata[F] =>
    sameJson(metadata[field], before[field]) ? undefined : metadata[field]
  const [labels, annotations] = [changed('labels'), changed('annotations')]
  const [ownerReferences, finalizers] = [changed('ownerReferences'), changed('finalizers')]
  validateCommon({ labels, annotations, ownerReferences, finalizers }, report)
}

/** What has rules of its own that hold for new objects and for changes. */
type CommonMetadata = {
  readonly [F in 'labels' | 'annotations' | 'ownerReferences' | 'finalizers']?: ObjectMeta[F] | undefined
}

function validateCommon(metadata: CommonMetadata, report: Report): void {
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
  for (const [index, finalizer] of finalizers.entries()) {
    if (!finalizer.includes('/') && !standardFinalizers.includes(finalizer)) {
      const problem = 'name is neither a standard finalizer name nor is it fully qualified'
      report.at('finalizers', index).invalid(finalizer, problem)
    }
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
