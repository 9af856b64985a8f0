/** What it costs to create a custom object, with and without rules of its own, beside a ConfigMap of the same size. */
import { generateKeyPairSync } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { ValidationRule } from '#api/apiextensions/v1/jsonSchema.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { resource, type KubeObject } from '#api/resource.ts'
import { clientOver, type Client } from '#client/client.ts'
import { systemClock } from '#lib/clock.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { systemRandom } from '#lib/random.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { allStrategies } from '#resources/index.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { createApiServer } from '#server/server.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { median, renderMeasurements, type Measurement } from './measurement.ts'

const group = 'bench.example.com'
const ruleCount = 50
const batches = 150
const perBatch = 40

export async function run(): Promise<Measurement[]> {
  const store = openMemoryStore({ clock: systemClock })
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = createApiServer({
    store,
    strategies: allStrategies({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] }),
    clock: systemClock,
    random: systemRandom,
    newUid: () => crypto.randomUUID(),
    tokens: {
      signer: new TokenSigner(privateKey),
      verifier: new TokenVerifier({ keys: [publicKey], issuers: ['bench'] }),
      issuer: 'bench',
      audiences: ['bench'],
    },
    nodes: () => ({
      request: () => Promise.reject(new Error('There are no nodes')),
      upgrade: () => Promise.reject(new Error('There are no nodes')),
    }),
    serverAddress: '127.0.0.1:6443',
    onBug: (error) => console.error(error),
  })
  const stop = new AbortController()
  const ready = Promise.withResolvers<void>()
  const running = server.run(ready.resolve, stop.signal)
  await ready.promise
  try {
    return await measure(clientOver(inProcessTransport(server, { name: 'admin', groups: ['system:masters'] })))
  } finally {
    stop.abort()
    await running.catch(() => {})
    await store[Symbol.asyncDispose]()
  }
}

async function measure(client: Client): Promise<Measurement[]> {
  await client.create(namespaces, { metadata: { name: 'default' } })
  const rules: ValidationRule[] = Array.from({ length: ruleCount }, (_, i) => ({
    rule: `!has(self.field${i}) || (self.field${i}.startsWith('value') && self.field${i} != self.name)`,
    message: 'it is not as it should be',
  }))
  await define(client, 'plain', [])
  await define(client, 'ruled', rules)
  const rows = [
    { name: 'a ConfigMap', create: creatorOf(client, configMaps, 'data') },
    { name: 'a custom object', create: creatorOf(client, kindOf('plain'), 'spec') },
    { name: `a custom object with ${ruleCount} rules`, create: creatorOf(client, kindOf('ruled'), 'spec') },
  ]
  const times = rows.map((): number[] => [])
  // In turns, so that what else the machine does falls on all alike.
  for (let batch = 0; batch < batches; batch++) {
    for (const [row, { create }] of rows.entries()) {
      const began = performance.now()
      for (let i = 0; i < perBatch; i++) await create()
      times[row]!.push(((performance.now() - began) * 1_000) / perBatch)
    }
  }
  // Of neighbouring batches, so that both saw the same machine.
  const ratios = times[2]!.map((ruled, batch) => ruled / times[1]![batch]!)
  const [beside, ...others] = rows.map(({ name }, row) => ({ name, value: median(times[row]!) }))
  return [
    { name: `create of ${beside!.name}`, value: beside!.value, unit: 'µs' },
    ...others.map(({ name, value }) => ({ name: `create of ${name}`, value, unit: 'µs', beside: beside! })),
    { name: `the same with ${ruleCount} rules and without`, value: median(ratios), unit: '×', goal: { atMost: 1.3 } },
  ]
}

/** Creates one object after another, each of fifty short texts. */
function creatorOf(client: Client, kind: ReturnType<typeof kindOf>, field: string): () => Promise<unknown> {
  const texts = Object.fromEntries(Array.from({ length: ruleCount }, (_, i) => [`field${i}`, `value ${i}`]))
  let count = 0
  const { group: own, version, kind: name } = kind
  const same = { apiVersion: own === '' ? version : `${own}/${version}`, kind: name, [field]: texts }
  return () => client.create(kind, { ...same, metadata: { name: `o${++count}`, namespace: 'default' } })
}

const kindOf = (name: string) =>
  resource<KubeObject>({ group, version: 'v1', kind: name, plural: `${name}s`, scope: 'Namespaced' })

async function define(client: Client, kind: string, rules: ValidationRule[]): Promise<void> {
  const text = { type: 'string', maxLength: 100 }
  const fields = Object.fromEntries(Array.from({ length: ruleCount }, (_, i) => [`field${i}`, text]))
  const definition: CustomResourceDefinition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind}s.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural: `${kind}s` },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  properties: { name: { ...text, default: 'nobody' }, ...fields },
                  'x-kubernetes-validations': rules,
                },
              },
            },
          },
        },
      ],
    },
  }
  await client.create(customResourceDefinitions, definition)
  for (;;) {
    const { status } = await client.get(customResourceDefinitions, definition.metadata)
    if (isConditionTrue(status?.conditions, 'Established')) return
    await systemClock.sleep(5)
  }
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
