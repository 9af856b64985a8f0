import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitRanges } from '#api/core/v1/limitRange.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { clientOver, type Draft } from '#client/client.ts'
import { StatusError } from '#machinery/status.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'

const pod = (name: string, own: object = {}): Draft<Pod> => ({
  metadata: { name, namespace: 'n' },
  spec: { containers: [{ name: 'c', image: 'i', ...own }] },
})

async function withNamespace(labels: Record<string, string>): Promise<ServerFixture> {
  const fixture = await startServer()
  const client = clientOver(fixture.transport)
  await client.create(namespaces, { metadata: { name: 'n', labels } })
  await client.create(serviceAccounts, { metadata: { name: 'default', namespace: 'n' } })
  return fixture
}

async function refusalOf(run: Promise<unknown>): Promise<string> {
  try {
    await run
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`
    throw error
  }
  return 'nothing was refused'
}

test('a restricted namespace refuses what its level forbids, in the words of Kubernetes', async () => {
  await using fixture = await withNamespace({ 'pod-security.kubernetes.io/enforce': 'restricted' })
  const client = clientOver(fixture.transport)
  assert.equal(
    await refusalOf(client.create(pods, pod('p'))),
    '403 pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  )
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  }
  assert.equal((await client.create(pods, pod('fine', { securityContext }))).metadata.name, 'fine')
})

test('warnings reach the client', async () => {
  await using fixture = await withNamespace({ 'pod-security.kubernetes.io/warn': 'baseline' })
  const { warnings } = await fixture.transport.send({
    method: 'POST',
    path: '/api/v1/namespaces/n/pods',
    body: pod('p', { securityContext: { privileged: true } }),
  })
  assert.deepEqual(warnings, [
    'would violate PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)',
  ])
})

test('a limit range gives defaults and keeps bounds', async () => {
  await using fixture = await withNamespace({})
  const client = clientOver(fixture.transport)
  const limits = [{ type: 'Container', default: { cpu: '500m' }, defaultRequest: { cpu: '100m' }, max: { cpu: '1' } }]
  await client.create(limitRanges, { metadata: { name: 'l', namespace: 'n' }, spec: { limits } })
  const made = await client.create(pods, pod('p'))
  assert.deepEqual(made.spec.containers[0]!.resources, { limits: { cpu: '500m' }, requests: { cpu: '100m' } })
  assert.equal(
    made.metadata.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu request for container c; cpu limit for container c',
  )
  assert.equal(
    await refusalOf(client.create(pods, pod('q', { resources: { limits: { cpu: '2' } } }))),
    '403 pods "q" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
  )
})
