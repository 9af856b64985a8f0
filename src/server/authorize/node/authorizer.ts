// What the agents of nodes may do: read what their own pods need, and what the rules of nodes say. Texts are upstream's
// (`plugin/pkg/auth/authorizer/node`). What they may write is narrowed further by the admission plugin NodeRestriction.
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { ClusterView } from '../../admission/chain.ts'
import { nodeOf } from '../../authenticate/nodeIdentity.ts'
import type { Kinds } from '../../kind.ts'
import { valueOf } from '../attributes.ts'
import { allowed, noOpinion, refusal, type Attributes, type Authorizer, type Decision } from '../authorizer.ts'
import { ruleAllows } from '../rules.ts'
import { NodeRelations, type Referenced } from './relations.ts'

const leaseNamespace = 'kube-node-lease'

/** One request of a node. */
interface Wish {
  readonly node: string
  readonly attributes: Attributes
  readonly relations: NodeRelations
  readonly cluster: ClusterView
}

/** What nodes may do to a resource, by `group/plural`; others are for the rules of nodes. */
const byResource: Readonly<Record<string, ((wish: Wish) => Decision) | undefined>> = {
  '/secrets': (wish) => readNamespaced(wish, 'secrets'),
  '/configmaps': (wish) => readNamespaced(wish, 'configmaps'),
  '/persistentvolumeclaims': (wish) =>
    wish.attributes.subresource === 'status'
      ? updateStatus(wish, 'persistentvolumeclaims')
      : getOne(wish, 'persistentvolumeclaims'),
  '/persistentvolumes': (wish) =>
    getOne(wish, ({ node, attributes, relations }) => relations.needsVolume(node, attributes.name)),
  '/serviceaccounts': (wish) =>
    wish.attributes.subresource === '' ? getOne(wish, 'serviceaccounts') : createToken(wish),
  '/nodes': accessNode,
  '/pods': accessPod,
  'coordination.k8s.io/leases': accessLease,
  'resource.k8s.io/resourceclaims': (wish) => getOne(wish, 'resourceclaims'),
  'resource.k8s.io/resourceslices': accessSlice,
  'storage.k8s.io/csinodes': accessCsiNode,
  'storage.k8s.io/volumeattachments': (wish) => getOne(wish, isOfNode('volumeattachments', 'VolumeAttachment')),
}

/** The authorizer of nodes; `rules` is what all of them may do. */
export function nodeAuthorizer(kinds: Kinds, cluster: ClusterView, rules: readonly PolicyRule[]): Authorizer {
  const relations = new NodeRelations(kinds, cluster)
  return {
    name: 'Node',
    authorize(caller, attributes) {
      const node = nodeOf(caller)
      if (node === undefined) return noOpinion
      if (node === '') return refusal(`unknown node for user ${JSON.stringify(caller.name)}`)
      const special = attributes.isResource ? byResource[`${attributes.group}/${attributes.resource}`] : undefined
      if (special !== undefined) return special({ node, attributes, relations, cluster })
      return rules.some((rule) => ruleAllows(rule, attributes)) ? allowed : noOpinion
    },
    unlistable: (caller) =>
      nodeOf(caller) === undefined ? undefined : 'node authorizer does not support user rule resolution',
  }
}

type Relation = Referenced | ((wish: Wish) => boolean)

function related(wish: Wish, relation: Relation): Decision {
  const { node, attributes, relations } = wish
  const { namespace, name } = attributes
  if (name === '') return refusal('No Object name found')
  const holds = typeof relation === 'string' ? relations.needs(node, relation, namespace, name) : relation(wish)
  return holds ? allowed : refusal(`no relationship found between node '${node}' and this object`)
}

function readNamespaced(wish: Wish, relation: Referenced): Decision {
  const { verb, subresource, namespace } = wish.attributes
  if (!isOneOf(verb, 'get', 'list', 'watch')) return refusal('can only read resources of this type')
  if (subresource !== '') return refusal('cannot read subresource')
  if (namespace === '') return refusal('can only read namespaced object of this type')
  return related(wish, relation)
}

function getOne(wish: Wish, relation: Relation): Decision {
  const { verb, name, subresource } = wish.attributes
  if (verb !== 'get' || name === '') return refusal('can only get individual resources of this type')
  if (subresource !== '') return refusal('cannot get subresource')
  return related(wish, relation)
}

function updateStatus(wish: Wish, relation: Referenced): Decision {
  if (!isOneOf(wish.attributes.verb, 'update', 'patch')) return refusal('can only get/update/patch this type')
  return related(wish, relation)
}

function createToken(wish: Wish): Decision {
  const { verb, name, subresource } = wish.attributes
  if (verb !== 'create' || name === '') return refusal('can only create tokens for individual service accounts')
  if (subresource !== 'token') return refusal('can only create token subresource of service account')
  return related(wish, 'serviceaccounts')
}

/** Reads nobody but itself; the name is compared, because a node asks before it exists. */
function accessNode({ node, attributes: { verb, name, subresource } }: Wish): Decision {
  if (subresource === 'status') return isOneOf(verb, 'update', 'patch') ? allowed : noOpinion
  if (subresource !== '') return noOpinion
  if (isOneOf(verb, 'create', 'update', 'patch')) return allowed
  if (!isOneOf(verb, 'get', 'list', 'watch')) return noOpinion
  if (name === node) return allowed
  const what = name === '' ? 'all nodes' : `'${name}'`
  return refusal(`node '${node}' cannot read ${what}, only its own Node object`)
}

function accessPod(wish: Wish): Decision {
  const { node, attributes } = wish
  const { verb, name, subresource, fields = [] } = attributes
  if (subresource === 'status') return isOneOf(verb, 'update', 'patch') ? allowed : noOpinion
  if (subresource === 'eviction') return verb === 'create' ? allowed : noOpinion
  if (subresource !== '') return noOpinion
  // Mirror pods; the admission plugin sees to it that they are.
  if (isOneOf(verb, 'create', 'delete')) return allowed
  if (verb === 'get') return getOne(wish, 'pods')
  if (!isOneOf(verb, 'list', 'watch')) return noOpinion
  if (valueOf(fields, 'spec.nodeName') === node) return allowed
  if (name !== '') return related(wish, 'pods')
  return refusal('can only list/watch pods with spec.nodeName field selector')
}

const ownVerbs = ['get', 'create', 'update', 'patch', 'delete'] as const

/** A new object's name is not known yet where it is created: the admission plugin looks at it. */
const isAnothers = ({ node, attributes: { verb, name } }: Wish): boolean => verb !== 'create' && name !== node

function accessLease(wish: Wish): Decision {
  const { verb, namespace } = wish.attributes
  if (!isOneOf(verb, ...ownVerbs)) return refusal('can only get, create, update, patch, or delete a node lease')
  if (namespace !== leaseNamespace) return refusal(`can only access leases in the "${leaseNamespace}" system namespace`)
  if (isAnothers(wish)) return refusal('can only access node lease with the same name as the requesting node')
  return allowed
}

function accessCsiNode(wish: Wish): Decision {
  const { verb, subresource } = wish.attributes
  if (!isOneOf(verb, ...ownVerbs)) return refusal('can only get, create, update, patch, or delete a CSINode')
  if (subresource !== '') return refusal('cannot authorize CSINode subresources')
  if (isAnothers(wish)) return refusal('can only access CSINode with the same name as the requesting node')
  return allowed
}

function accessSlice(wish: Wish): Decision {
  const { node, attributes } = wish
  const { verb, subresource, fields = [] } = attributes
  if (subresource !== '') return refusal('cannot authorize ResourceSlice subresources')
  if (verb === 'create') return allowed
  if (isOneOf(verb, 'get', 'update', 'patch', 'delete'))
    return related(wish, isOfNode('resourceslices', 'ResourceSlice', 'resource.k8s.io'))
  if (!isOneOf(verb, 'list', 'watch', 'deletecollection')) {
    return refusal(
      'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
    )
  }
  return valueOf(fields, 'spec.nodeName') === node
    ? allowed
    : refusal('can only list/watch/deletecollection resourceslices with nodeName field selector')
}

/** Whether the object says in `spec.nodeName` that it is of the node. */
function isOfNode(plural: string, kind: string, group = 'storage.k8s.io'): (wish: Wish) => boolean {
  const resource: Resource<KubeObject & { readonly spec?: { readonly nodeName?: string } }> = {
    group,
    version: 'v1',
    kind,
    plural,
    singular: kind.toLowerCase(),
    scope: 'Cluster',
  }
  return ({ node, attributes, cluster }) => cluster.get(resource, '', attributes.name)?.spec?.nodeName === node
}

const isOneOf = (verb: string, ...verbs: readonly string[]): boolean => verbs.includes(verb)
