// Network policies: who may talk to whom.
import { resource } from '#api/resource.ts'
import type { Protocol } from '#api/core/v1/service.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, int32 } from '#api/scalars.ts'

/** Tells which traffic some pods may have. Several policies for the same pods add to each other. */
export interface NetworkPolicy extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Which pods, and which traffic. @default {} @optional */
  spec: NetworkPolicySpec
}

/** The kind NetworkPolicy as it is addressed: `networkpolicies` of networking.k8s.io. */
export const networkPolicies = resource<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  scope: 'Namespaced',
  shortNames: ['netpol'],
})

/** Which pods a policy is about, and which traffic they may have. */
export interface NetworkPolicySpec {
  /** The pods, in the namespace of the policy; all of them when empty. @default {} */
  podSelector?: LabelSelector
  /** What may come in; nothing, when the policy is about that and there is no rule. @atomic */
  ingress?: NetworkPolicyIngressRule[]
  /** What may go out; nothing, when the policy is about that and there is no rule. @atomic */
  egress?: NetworkPolicyEgressRule[]
  /** Whether the policy is about what comes in, goes out, or both; as the rules tell when absent. @atomic */
  policyTypes?: PolicyType[]
}

/** Traffic that may come in: from one of the peers to one of the ports. */
export interface NetworkPolicyIngressRule {
  /** The ports of the pods; all of them when empty. @atomic */
  ports?: NetworkPolicyPort[]
  /** Who may send; everybody when empty. @atomic */
  from?: NetworkPolicyPeer[]
}

/** Traffic that may go out: to one of the peers, on one of the ports. */
export interface NetworkPolicyEgressRule {
  /** The ports of the peers; all of them when empty. @atomic */
  ports?: NetworkPolicyPort[]
  /** Who may be reached; everybody when empty. @atomic */
  to?: NetworkPolicyPeer[]
}

/** A port, or several next to each other. */
export interface NetworkPolicyPort {
  /** Its transport; TCP when absent. */
  protocol?: Protocol
  /** Its number, or the name of a container port; every port when absent. */
  port?: IntOrString
  /** The last of several ports, of which `port` is the first. */
  endPort?: int32
}

/** Who is at the other end: pods, or addresses. */
export interface NetworkPolicyPeer {
  /** Pods by their labels, in the policy's namespace or in those that `namespaceSelector` selects. */
  podSelector?: LabelSelector
  /** Namespaces by their labels, with all of their pods or those that `podSelector` selects. */
  namespaceSelector?: LabelSelector
  /** Addresses; not together with a selector. */
  ipBlock?: IPBlock
}

/** A block of addresses, perhaps with holes. */
export interface IPBlock {
  /** The block, such as `192.168.1.0/24` or `2001:db8::/64`. */
  cidr: string
  /** Blocks within that are left out. @atomic */
  except?: string[]
}

/** Several objects of kind NetworkPolicy, as a list request returns them. */
export interface NetworkPolicyList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: NetworkPolicy[]
}

/** What comes in, or what goes out. */
export type PolicyType = 'Egress' | 'Ingress'
