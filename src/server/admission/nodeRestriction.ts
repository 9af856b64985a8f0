// What the agents of nodes may write: their own node, their own pods, and nothing that would let a node draw pods of
// others to itself. What they may read is the node authorizer's business.
import type { TokenRequest } from '#api/authentication/v1/tokenRequest.ts'
import { leases } from '#api/coordination/v1/lease.ts'
import type { Node } from '#api/core/v1/node.ts'
import { nodes } from '#api/core/v1/node.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods, type Pod, type PodSpec } from '#api/core/v1/pod.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { podReferences } from '#machinery/podReferences.ts'
import { notFound, type StatusError } from '#machinery/status.ts'
import { nodeOf } from '../authenticate/nodeIdentity.ts'
import { nameOf, refusal, type AdmissionPlugin, type AdmissionRequest, type ClusterView } from './chain.ts'
import type { AskAccess } from './policies/input.ts'
import { removerRuling } from './localVolumes.ts'
import { audienceProblem } from './tokenAudiences.ts'

const mirrorAnnotation = 'kubernetes.io/config.mirror'
const leaseNamespace = 'kube-node-lease'

/** Why a node may not do something; undefined when it may. */
type Ruling = string | StatusError | undefined

/** Keeps nodes to themselves. */
export function nodeRestriction(access: AskAccess): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    admit(request, cluster) {
      if (request.operation === 'CONNECT') return
      const why = removerRuling(request)
      if (why !== undefined) throw refusal(request, why)
      const node = nodeOf(request.caller)
      if (node === undefined) return
      const ruling =
        node === ''
          ? `could not determine node from user ${JSON.stringify(request.caller.name)}`
          : rulingOn(request, node, cluster, access)
      if (ruling !== undefined) throw typeof ruling === 'string' ? refusal(request, ruling) : ruling
    },
  }
}

function rulingOn(request: AdmissionRequest, node: string, cluster: ClusterView, access: AskAccess): Ruling {
  const { operation, resource, subresource } = request
  switch (`${resource.plural}.${resource.group}`) {
    case `${pods.plural}.`:
      return podRuling(request, node, cluster)
    case `${nodes.plural}.`:
      return nodeRuling(request, node)
    case `${persistentVolumeClaims.plural}.`:
      return subresource === 'status' ? claimRuling(request, node) : 'may only update PVC status'
    case `${serviceAccounts.plural}.`:
      return operation === 'CREATE' && subresource === 'token' ? tokenRuling(request, node, cluster, access) : undefined
    case `${leases.plural}.${leases.group}`:
      if (request.namespace !== leaseNamespace)
        return `can only access leases in the "${leaseNamespace}" system namespace`
      return nameOf(request) === node
        ? undefined
        : 'can only access node lease with the same name as the requesting node'
    case 'csinodes.storage.k8s.io':
      return nameOf(request) === node ? undefined : 'can only access CSINode with the same name as the requesting node'
    case 'resourceslices.resource.k8s.io': {
      const spec = (request.object as { spec?: { nodeName?: string } } | undefined)?.spec
      return operation !== 'CREATE' || spec?.nodeName === node
        ? undefined
        : 'can only create ResourceSlice with the same NodeName as the requesting node'
    }
    default:
      return undefined
  }
}

function podRuling(request: AdmissionRequest, node: string, cluster: ClusterView): Ruling {
  const { operation, subresource, namespace, name } = request
  const is = JSON.stringify(node)
  switch (subresource) {
    case '':
      if (operation === 'CREATE') return mirrorRuling(request, node, cluster)
      if (operation !== 'DELETE') {
        return `unexpected operation "${operation}", node ${is} can only create and delete mirror pods`
      }
      return (request.old as Pod).spec.nodeName === node
        ? undefined
        : `node ${is} can only delete pods with spec.nodeName set to itself`
    case 'status': {
      if (operation !== 'UPDATE') return `unexpected operation "${operation}"`
      const [pod, old] = [request.object as Pod, request.old as Pod]
      if (old.spec.nodeName !== node) {
        return `node ${is} can only update pod status for pods with spec.nodeName set to itself`
      }
      if (!sameJson(pod.metadata.labels ?? {}, old.metadata.labels ?? {})) {
        return `node ${is} cannot update labels through pod status`
      }
      const claims = ({ status }: Pod): unknown => status?.resourceClaimStatuses ?? []
      return sameJson(claims(pod), claims(old)) ? undefined : `node ${is} cannot update resource claim statues`
    }
    case 'eviction': {
      if (operation !== 'CREATE') return `unexpected operation ${operation}`
      const pod = cluster.get(pods, namespace, name)
      if (pod === undefined) return notFound(pods, name)
      return pod.spec.nodeName === node
        ? undefined
        : `node ${node} can only evict pods with spec.nodeName set to itself`
    }
    default:
      return `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`
  }
}

/** A node shows what it runs by itself as mirror pods, which belong to it and name nothing else. */
function mirrorRuling(request: AdmissionRequest, node: string, cluster: ClusterView): Ruling {
  const { metadata, spec } = request.object as Pod
  const is = JSON.stringify(node)
  if (ownValue(metadata.annotations, mirrorAnnotation) === undefined) {
    return `pod does not have "${mirrorAnnotation}" annotation, node ${is} can only create mirror pods`
  }
  if (spec.nodeName !== node) return `node ${is} can only create pods with spec.nodeName set to itself`
  const [owner, ...others] = metadata.ownerReferences ?? []
  if (others.length > 0) return `node ${is} can only create pods with a single owner reference set to itself`
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    return `node ${is} can only create pods with an owner reference set to itself`
  }
  if (owner.controller !== true)
    return `node ${is} can only create pods with a controller owner reference set to itself`
  if (owner.blockOwnerDeletion === true) return `node ${is} must not set blockOwnerDeletion on an owner reference`
  const uid = cluster.get(nodes, '', node)?.metadata.uid
  if (uid === undefined) return notFound(nodes, node)
  if (owner.uid !== uid) return `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`
  return referenceRuling(spec, is)
}

function referenceRuling(spec: PodSpec, is: string): Ruling {
  const { secrets, configMaps, claims, trustBundles } = podReferences(spec)
  const may = (what: string): string => `node ${is} can not create pods that reference ${what}`
  if ((spec.serviceAccountName ?? '') !== '') return may('a service account')
  if (secrets.size > 0) return may('secrets')
  if (configMaps.size > 0) return may('configmaps')
  if (trustBundles) return may('clustertrustbundles')
  return claims.size > 0 ? may('persistentvolumeclaims') : undefined
}

function nodeRuling(request: AdmissionRequest, node: string): Ruling {
  const is = JSON.stringify(node)
  const requested = nameOf(request)
  if (requested !== node) return `node ${is} is not allowed to modify node ${JSON.stringify(requested)}`
  const object = request.object as Node | undefined
  if (request.operation === 'CREATE') {
    if (object?.spec?.configSource !== undefined) {
      return `node ${is} is not allowed to create pods with a non-nil configSource`
    }
    const labels = forbiddenLabels(object?.metadata.labels, undefined)
    return labels === '' ? undefined : `node ${is} is not allowed to set the following labels: ${labels}`
  }
  if (request.operation !== 'UPDATE') return undefined
  const old = request.old as Node
  const source = object?.spec?.configSource
  if (source !== undefined && !sameJson(source, old.spec?.configSource)) {
    return `node ${is} is not allowed to update configSource to a new non-nil configSource`
  }
  if (!sameJson(object?.spec?.taints ?? [], old.spec?.taints ?? [])) return `node ${is} is not allowed to modify taints`
  const labels = forbiddenLabels(object?.metadata.labels, old.metadata.labels)
  if (labels !== '') return `is not allowed to modify labels: ${labels}`
  // Through an owner a node could have itself collected and come back with other labels and taints (CVE-2025-5187).
  return sameJson(object?.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])
    ? undefined
    : `node ${is} is not allowed to modify ownerReferences`
}

/** Labels under Kubernetes' domains that agents may set. */
const agentLabels = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
])
const agentDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io']

/** The labels that differ and that an agent may not touch, `a, b`. */
function forbiddenLabels(labels: Record<string, string> = {}, old: Record<string, string> = {}): string {
  const changed = [...new Set([...Object.keys(labels), ...Object.keys(old)])].filter(
    (key) => ownValue(labels, key) !== ownValue(old, key),
  )
  return changed.filter(isForbiddenLabel).sort().join(', ')
}

function isForbiddenLabel(label: string): boolean {
  const slash = label.indexOf('/')
  const domain = slash < 0 ? '' : label.slice(0, slash)
  const isIn = (whole: string): boolean => domain === whole || domain.endsWith(`.${whole}`)
  if (isIn('node-restriction.kubernetes.io')) return true
  return (isIn('kubernetes.io') || isIn('k8s.io')) && !agentLabels.has(label) && !agentDomains.some(isIn)
}

/** Of claims a node only reports how large the volume is and how its growth goes. */
function claimRuling({ operation, object, old }: AdmissionRequest, node: string): Ruling {
  if (operation !== 'UPDATE') return `unexpected operation "${operation}"`
  const fixed = (claim: PersistentVolumeClaim): unknown => {
    const { capacity, conditions, allocatedResources, allocatedResourceStatuses, ...status } = claim.status ?? {}
    const { resourceVersion, managedFields, ...metadata } = claim.metadata
    return { ...claim, metadata, status }
  }
  return sameJson(fixed(object as PersistentVolumeClaim), fixed(old as PersistentVolumeClaim))
    ? undefined
    : `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`
}

/** A node gets tokens only for pods that it runs, and for audiences that those pods ask for. */
function tokenRuling(request: AdmissionRequest, node: string, cluster: ClusterView, access: AskAccess): Ruling {
  const { object, namespace } = request
  const { boundObjectRef: reference } = (object as TokenRequest).spec
  const { apiVersion, kind, name = '', uid = '' } = reference ?? {}
  if (apiVersion !== 'v1' || kind !== 'Pod' || name === '') return 'node requested token not bound to a pod'
  if (uid === '') return 'node requested token with a pod binding without a uid'
  const pod = cluster.get(pods, namespace, name)
  if (pod === undefined) return notFound(pods, name)
  if (uid !== pod.metadata.uid) {
    return `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`
  }
  if (pod.spec.nodeName !== node) return 'node requested token bound to a pod scheduled on a different node'
  return audienceProblem(request, pod, cluster, access)
}
