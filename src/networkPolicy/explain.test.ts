import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ipBytes } from '#lib/net/ip.ts'

import { endpointOf, explainConnection } from './explain.ts'
import type { ClusterFacts } from './facts.ts'
import type { Policy } from './policy.ts'
import { adminPolicyOf, clusterOf, factsOf, policyIn } from './testCluster.ts'

const pods = (['x/a', 'x/b', 'y/c'] as const).map((key, at) =>
  factsOf({
    key,
    node: 'n1',
    addresses: [`10.244.1.${at + 2}`],
    labels: { app: key.slice(2) },
    ports: { web: 'tcp/80' },
  }),
)
const cluster = (...policies: Policy[]): ClusterFacts => clusterOf(pods, ...policies)

const isolating = policyIn('x', { policyTypes: ['Ingress', 'Egress'] }, 'closed')
const opening = policyIn(
  'x',
  {
    podSelector: { matchLabels: { app: 'a' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'b' } } }], ports: [{ port: 'web' }] }],
  },
  'open',
)
const deny = (kind: string) =>
  adminPolicyOf(kind, {
    priority: 5,
    subject: { namespaces: { matchLabels: { name: 'x' } } },
    egress: [{ name: 'no-y', action: 'Deny', to: [{ namespaces: { matchLabels: { name: 'y' } } }] }],
  })

/** What is said of each end, as `reason: message (remedy)`, and the policies that are named. */
const rows: readonly [
  string,
  ClusterFacts,
  string,
  string,
  number | undefined,
  readonly (readonly [string, string[]])[],
][] = [
  [
    'nothing is said',
    cluster(),
    '10.244.1.2',
    '10.244.1.4',
    80,
    [
      ['NoPolicy: pod x/a to pod y/c (10.244.1.4), TCP port 80: no policy says anything of it', []],
      ['NoPolicy: pod y/c from pod x/a (10.244.1.2), TCP port 80: no policy says anything of it', []],
    ],
  ],
  [
    'isolated, and not allowed',
    cluster(isolating, opening),
    '10.244.1.4',
    '10.244.1.2',
    80,
    [
      ['NoPolicy: pod y/c to pod x/a (10.244.1.2), TCP port 80: no policy says anything of it', []],
      [
        'NotAllowed: pod x/a from pod y/c (10.244.1.4), TCP port 80: isolated for ingress by NetworkPolicy x/closed, NetworkPolicy x/open, and no rule of these allows it (add an ingress rule that allows it to NetworkPolicy x/closed, or another NetworkPolicy in its namespace with such a rule)',
        ['closed', 'open'],
      ],
    ],
  ],
  [
    'allowed by a rule with a name of a port',
    cluster(opening),
    '10.244.1.3',
    '10.244.1.2',
    80,
    [
      ['NoPolicy: pod x/b to pod x/a (10.244.1.2), TCP port 80: no policy says anything of it', []],
      [
        'AllowedByRule: pod x/a from pod x/b (10.244.1.3), TCP port 80: ingress rule 0 of NetworkPolicy x/open allows it',
        ['open'],
      ],
    ],
  ],
  [
    'without a port',
    cluster(opening),
    '192.0.2.1',
    '10.244.1.2',
    undefined,
    [
      [
        'NotAllowed: pod x/a from 192.0.2.1, without a port: isolated for ingress by NetworkPolicy x/open, and no rule of it allows it (add an ingress rule that allows it to NetworkPolicy x/open, or another NetworkPolicy in its namespace with such a rule)',
        ['open'],
      ],
    ],
  ],
  [
    'denied by an administrator',
    cluster(isolating, deny('AdminNetworkPolicy')),
    '10.244.1.2',
    '10.244.1.4',
    80,
    [
      [
        'DeniedByRule: pod x/a to pod y/c (10.244.1.4), TCP port 80: egress rule 0 "no-y" of AdminNetworkPolicy a denies it (change the rule, or allow it in a rule before it or in a policy with a priority below 5)',
        ['a'],
      ],
      ['NoPolicy: pod y/c from pod x/a (10.244.1.2), TCP port 80: no policy says anything of it', []],
    ],
  ],
  [
    'denied where nobody says anything else',
    cluster(deny('BaselineAdminNetworkPolicy')),
    '10.244.1.2',
    '10.244.1.4',
    80,
    [
      [
        'DeniedByRule: pod x/a to pod y/c (10.244.1.4), TCP port 80: egress rule 0 "no-y" of BaselineAdminNetworkPolicy a denies it (change the rule, or select the pod by a NetworkPolicy that allows it)',
        ['a'],
      ],
      ['NoPolicy: pod y/c from pod x/a (10.244.1.2), TCP port 80: no policy says anything of it', []],
    ],
  ],
  [
    'a pod and itself',
    cluster(isolating),
    '10.244.1.2',
    '10.244.1.2',
    80,
    [
      ['Itself: pod x/a to pod x/a (10.244.1.2), TCP port 80: a pod may always reach itself', []],
      ['Itself: pod x/a from pod x/a (10.244.1.2), TCP port 80: a pod may always reach itself', []],
    ],
  ],
  [
    'a pod and its node',
    cluster(isolating),
    '10.244.1.2',
    '10.89.0.1',
    80,
    [['OwnNode: pod x/a to node n1 (10.89.0.1), TCP port 80: a pod may always reach its node', []]],
  ],
  [
    'a node and its pod',
    cluster(isolating),
    '10.89.0.1',
    '10.244.1.2',
    80,
    [['OwnNode: pod x/a from node n1 (10.89.0.1), TCP port 80: the node of a pod may always reach it', []]],
  ],
]

for (const [what, facts, from, to, port, expected] of rows)
  test(`a connection is explained: ${what}`, () => {
    const end = (text: string) => endpointOf(facts, { text, ip: ipBytes(text) })
    const target = port === undefined ? {} : { target: { transport: 'tcp', port } as const }
    const { verdicts, allowed } = explainConnection(facts, { from: end(from), to: end(to), ...target })
    const said = verdicts.map(({ cause }) => [
      `${cause.reason}: ${cause.message}${cause.remedy === undefined ? '' : ` (${cause.remedy})`}`,
      cause.involves!.filter(({ kind }) => kind !== 'Pod').map(({ name }) => name),
    ])
    assert.deepEqual(said, expected)
    assert.equal(
      allowed,
      verdicts.every((each) => !/NotAllowed|DeniedByRule/.test(each.cause.reason)),
    )
  })
