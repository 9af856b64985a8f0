import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments } from '#api/apps/v1/deployment.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Resource } from '#api/resource.ts'
import { podSecurity } from './podSecurity.ts'
import { openPodSecurity } from './podSecurity/configuration.ts'
import { ask, clusterWith, type RequestSketch, type Verdict } from './testRequest.ts'

const label = (labels: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]))
const namespace = (name: string, labels: Record<string, string> = {}): object => ({
  metadata: { name, labels: label(labels) },
})
const spec = (image = 'i', more: object = {}): object => ({ containers: [{ name: 'c', image, ...more }] })
const pod = (namespaceName: string, podSpec: object = spec(), name = 'p'): object => ({
  metadata: { name, namespace: namespaceName },
  spec: podSpec,
})
const privilegedSpec = spec('i', { securityContext: { privileged: true } })

const cluster = clusterWith({
  namespaces: [
    namespace('open'),
    namespace('base', { enforce: 'baseline' }),
    namespace('noted', { audit: 'baseline', warn: 'baseline', 'warn-version': 'v1.20' }),
    namespace('broken', { enforce: 'strict' }),
  ],
  pods: [
    pod('filled', privilegedSpec, 'b'),
    pod('filled', privilegedSpec, 'a'),
    pod('filled', { ...spec(), hostPID: true }, 'z'),
    pod('filled', spec(), 'fine'),
  ],
})
const privilegedText = 'privileged (container "c" must not set securityContext.privileged=true)'
const enforced = { 'pod-security.kubernetes.io/enforce-policy': 'baseline:latest' }

const rows: readonly {
  readonly name: string
  readonly resource: Resource<any>
  readonly ask: RequestSketch
  readonly is: Verdict
}[] = [
  {
    name: 'nothing is forbidden without labels',
    resource: pods,
    ask: { object: pod('open', privilegedSpec) },
    is: {
      object: pod('open', privilegedSpec),
      annotations: { 'pod-security.kubernetes.io/enforce-policy': 'privileged:latest' },
    },
  },
  {
    name: 'a violation is refused',
    resource: pods,
    ask: { object: pod('base', privilegedSpec) },
    is: {
      refused: `pods "p" is forbidden: violates PodSecurity "baseline:latest": ${privilegedText}`,
      code: 403,
      annotations: enforced,
    },
  },
  {
    name: 'a changed label of a pod is not looked at',
    resource: pods,
    ask: { object: pod('base', privilegedSpec), old: pod('base', privilegedSpec) },
    is: { object: pod('base', privilegedSpec) },
  },
  {
    name: 'a changed image is',
    resource: pods,
    ask: {
      object: pod('base', spec('x', { securityContext: { privileged: true } })),
      old: pod('base', privilegedSpec),
    },
    is: {
      refused: `pods "p" is forbidden: violates PodSecurity "baseline:latest": ${privilegedText}`,
      code: 403,
      annotations: enforced,
    },
  },
  {
    name: 'audit and warn let pass',
    resource: pods,
    ask: { object: pod('noted', privilegedSpec) },
    is: {
      object: pod('noted', privilegedSpec),
      warnings: [`would violate PodSecurity "baseline:v1.20": ${privilegedText}`],
      annotations: {
        'pod-security.kubernetes.io/enforce-policy': 'privileged:latest',
        'pod-security.kubernetes.io/audit-violations': `would violate PodSecurity "baseline:latest": ${privilegedText}`,
      },
    },
  },
  {
    name: 'a template is warned about where pods would be refused',
    resource: deployments,
    ask: { object: { metadata: { name: 'd', namespace: 'base' }, spec: { template: { spec: privilegedSpec } } } },
    is: {
      object: { metadata: { name: 'd', namespace: 'base' }, spec: { template: { spec: privilegedSpec } } },
      warnings: [`would violate PodSecurity "baseline:latest": ${privilegedText}`],
    },
  },
  {
    name: 'labels that cannot be read mean restricted',
    resource: pods,
    ask: { object: pod('broken', { ...privilegedSpec, os: { name: 'windows' } }) },
    is: {
      refused: `pods "p" is forbidden: violates PodSecurity "restricted:latest": ${privilegedText}, runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)`,
      code: 403,
      annotations: {
        'pod-security.kubernetes.io/enforce-policy': 'restricted:latest',
        'pod-security.kubernetes.io/error':
          'Failed to parse policy: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
      },
    },
  },
  {
    name: 'wrong labels of a namespace',
    resource: namespaces,
    ask: { object: namespace('n', { enforce: 'strict' }) },
    is: {
      refused:
        'Namespace "n" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
      code: 422,
    },
  },
  {
    name: 'wrong labels that were there before',
    resource: namespaces,
    ask: { object: namespace('n', { enforce: 'strict' }), old: namespace('n', { enforce: 'strict' }) },
    is: { object: namespace('n', { enforce: 'strict' }) },
  },
  {
    name: 'pods that a stricter level would refuse are named',
    resource: namespaces,
    ask: { object: namespace('filled', { enforce: 'baseline' }), old: namespace('filled') },
    is: {
      object: namespace('filled', { enforce: 'baseline' }),
      warnings: [
        'existing pods in namespace "filled" violate the new PodSecurity enforce level "baseline:latest"',
        'a (and 1 other pod): privileged',
        'z: host namespaces',
      ],
    },
  },
  {
    name: 'a level that is not stricter says nothing',
    resource: namespaces,
    ask: { object: namespace('filled', { enforce: 'baseline' }), old: namespace('filled', { enforce: 'restricted' }) },
    is: { object: namespace('filled', { enforce: 'baseline' }) },
  },
]

for (const { name, resource, ask: sketch, is } of rows) {
  test(`pod security: ${name}`, async () => {
    assert.deepEqual(await ask(podSecurity(), resource, sketch, cluster), is)
  })
}

test('pod security: who is exempt', async () => {
  const plugin = podSecurity({
    ...openPodSecurity,
    exemptions: { usernames: ['robot'], namespaces: ['base'], runtimeClasses: ['kata'] },
  })
  const strict = clusterWith({
    namespaces: [namespace('base', { enforce: 'baseline' }), namespace('n', { enforce: 'baseline' })],
  })
  const refused = `pods "p" is forbidden: violates PodSecurity "baseline:latest": ${privilegedText}`
  const judge = async (object: object, caller?: string): Promise<unknown> => {
    const verdict = await ask(plugin, pods, { object, ...(caller && { caller: { name: caller, groups: [] } }) }, strict)
    return verdict.refused ?? verdict.annotations
  }
  const exempt = (why: string): object => ({ 'pod-security.kubernetes.io/exempt': why })
  assert.deepEqual(await judge(pod('n', privilegedSpec)), refused)
  assert.deepEqual(await judge(pod('base', privilegedSpec)), exempt('namespace'))
  assert.deepEqual(await judge(pod('n', privilegedSpec), 'robot'), exempt('user'))
  assert.deepEqual(await judge(pod('n', { ...privilegedSpec, runtimeClassName: 'kata' })), exempt('runtimeClass'))
  const warned = await ask(plugin, namespaces, { object: namespace('base', { enforce: 'baseline' }) })
  assert.deepEqual(warned.warnings, [
    'namespace "base" is exempt from Pod Security, and the policy (enforce=baseline:latest) will be ignored',
  ])
})
