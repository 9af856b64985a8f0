/** Reads all that policies are decided by from an API server, once. */
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { networkPolicies } from '#api/networking/v1/networkPolicy.ts'
import type { Client } from '#client/client.ts'
import { unlessGone } from '#client/unlessGone.ts'

import { adminPolicyKinds, readAdminPolicy } from './adminPolicies.ts'
import { readNamespaces, readNode, readPod } from './facts.ts'
import type { ClusterFacts } from './facts.ts'
import { readNetworkPolicy } from './policy.ts'

/** Kinds of admin policies that the cluster does not have are passed over. */
export async function readClusterFacts(client: Client, signal: AbortSignal): Promise<ClusterFacts> {
  const [allPods, allNamespaces, allNodes, policies, ...admin] = await Promise.all([
    client.listAll(pods, { signal }),
    client.listAll(namespaces, { signal }),
    client.listAll(nodes, { signal }),
    client.listAll(networkPolicies, { signal }),
    ...adminPolicyKinds.map((kind) => unlessGone(client.listAll(kind, { signal }))),
  ])
  return {
    pods: allPods.items.flatMap((pod) => readPod(pod) ?? []),
    namespaces: readNamespaces(allNamespaces.items),
    nodes: allNodes.items.map(readNode),
    policies: [
      ...policies.items.map(readNetworkPolicy),
      ...admin.flatMap((list, at) =>
        (list?.items ?? []).flatMap((policy) => readAdminPolicy(policy, adminPolicyKinds[at]!.kind) ?? []),
      ),
    ],
  }
}
