// The rules of `metadata`, the same for every kind.
import { standardFinalizers } from '#machinery/finalizers.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Report } from '#machinery/validate/report.ts'
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  pathSegmentProblems,
} from '#machinery/validate/names.ts'
import { validateCommon, type CommonMetadata } from '#machinery/validate/objectMeta.ts'
import type { Kind } from '../kind.ts'
import { checkFieldManager } from '../options.ts'

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
  if (kind.strategy.plainFinalizers !== true) validateFinalizers(metadata.finalizers, report.at('finalizers'))
  validateOwnersOfFields(metadata, report.at('managedFields'))
}

/** A generated name ends in letters, so a base may end in a dash. */
function withoutDash(base: string): string {
  return base.length > 1 && base.endsWith('-') ? `${base.slice(0, -2)}a` : base
}

/** What is wrong with the metadata of an object that is to replace `old`. */
export function validateMetadataUpdate(kind: Kind, object: KubeObject, old: KubeObject, report: Report): void {
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
  if (kind.strategy.plainFinalizers !== true) validateFinalizers(finalizers, report.at('finalizers'))
  if (metadata.managedFields !== before.managedFields) validateOwnersOfFields(metadata, report.at('managedFields'))
}

/** The longest name of a subresource in an entry of `managedFields`, in bytes. */
const longestSubresource = 256

function validateOwnersOfFields({ managedFields = [] }: ObjectMeta, report: Report): void {
  for (const [index, { manager = '', subresource = '' }] of managedFields.entries()) {
    const place = report.at(index)
    checkFieldManager(manager, place.at('manager'))
    if (Buffer.byteLength(subresource) > longestSubresource) place.at('subresource').tooLong(longestSubresource)
  }
}

/** Finalizers of kinds of Kubernetes itself have a domain, unless they are its own. */
function validateFinalizers(finalizers: readonly string[] | undefined, report: Report): void {
  for (const [index, finalizer] of (finalizers ?? []).entries()) {
    if (finalizer.includes('/') || standardFinalizers.includes(finalizer)) continue
    report.at(index).invalid(finalizer, 'name is neither a standard finalizer name nor is it fully qualified')
  }
}
