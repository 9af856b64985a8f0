/** The table of one family: fixed chains around the sets of a plan. */
import type { TableContent } from '#lib/host/nftTable.ts'

import type { Family } from './intervals.ts'
import { anyPod } from './identities.ts'
import { setTypes } from './plan.ts'
import type { Plan } from './plan.ts'

export const tableName = 'k8ts-policies'

/** The contents of both families' tables. */
export function policyTables(plan: Plan): readonly TableContent[] {
  return ([4, 6] as const).map((family) => ({
    family: family === 4 ? 'ip' : 'ip6',
    name: tableName,
    sets: new Map(
      Object.entries(setTypes).map(([name, type]) => [
        name,
        type.replaceAll('ADDRESS', family === 4 ? 'ipv4_addr' : 'ipv6_addr'),
      ]),
    ),
    chains: chainsOf(family),
    elements: plan[family],
  }))
}

/**
 * A connection is judged by its first packet; what belongs to one that was let through goes on. Both directions are asked: a
 * `return` lets a packet go on to the next question. Only what is forwarded is asked about, which between pods of one bridge
 * it is because the bridge hands its packets over (`bridge-nf-call-iptables`); what the node itself sends is not.
 */
function chainsOf(family: Family): ReadonlyMap<string, readonly string[]> {
  const ip = family === 4 ? 'ip' : 'ip6'
  const begin = [
    'ct state established,related accept',
    // Without these neighbours do not find each other.
    ...(family === 6 ? ['icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept'] : []),
  ]
  const ask = (pods: string, own: string, other: string, pairs: string): string[] => [
    `${ip} ${own} != @${pods} return`,
    'meta mark set 0',
    `meta mark set ${ip} ${other} map @blocks`,
    `meta mark set ${ip} ${other} map @peers`,
    `meta mark set ${ip} ${own} . meta mark map @${pairs} goto judge`,
    // Not listed: as any pod, or as anybody.
    `meta mark set meta mark and ${anyPod}`,
    `meta mark set ${ip} ${own} . meta mark map @${pairs} goto judge`,
    'goto denied',
  ]
  return new Map([
    // Each element counts what it denies; what has none is told of by nobody.
    ['denied', ['meta mark @denials counter drop', 'counter drop']],
    [
      'judge',
      [
        'meta mark . meta l4proto . th dport vmap @ports',
        'meta mark . meta l4proto . th dport vmap @port_ranges',
        'meta mark vmap @verdicts',
        'goto denied',
      ],
    ],
    ['egress', ask('egress_pods', 'saddr', 'daddr', 'egress_pairs')],
    ['ingress', ask('ingress_pods', 'daddr', 'saddr', 'ingress_pairs')],
    [
      'forward',
      [
        // After the addresses of services were replaced by those of pods.
        'type filter hook forward priority 0; policy accept;',
        ...begin,
        `${ip} saddr . ${ip} daddr @self accept`,
        'jump egress',
        'jump ingress',
      ],
    ],
    [
      'input',
      [
        'type filter hook input priority 0; policy accept;',
        ...begin,
        // Only admin policies say anything of a pod's own node; the set is empty without them.
        `${ip} daddr @own_node jump egress`,
      ],
    ],
  ])
}
