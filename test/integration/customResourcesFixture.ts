// The custom kind that the tests of custom resources define.
import assert from 'node:assert/strict'
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { resource, type KubeObject, type Resource } from '#api/resource.ts'
import { clientOver, type Client } from '#client/client.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { isReason, StatusError } from '#machinery/status.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'

/** An instance of the custom kind of the tests. */
export interface Widget extends KubeObject {
  spec?: Record<string, unknown>
  status?: Record<string, unknown>
}

export const widgets = resource<Widget>({
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  scope: 'Namespaced',
})
export const namespace = 'default'
export const path = '/apis/example.com/v1/namespaces/default/widgets'

export const widgetSchema: JSONSchemaProps = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 10 },
        color: { type: 'string', default: 'blue', enum: ['blue', 'red'] },
        replicas: { type: 'integer', default: 1 },
        extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
  },
}

export type Version = CustomResourceDefinition['spec']['versions'][number]

export const v1: Version = {
  name: 'v1',
  served: true,
  storage: true,
  schema: { openAPIV3Schema: widgetSchema },
  subresources: {
    status: {},
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  },
  additionalPrinterColumns: [
    { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
    { name: 'Color', type: 'string', jsonPath: '.spec.color', priority: 1, description: 'What it looks like.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  selectableFields: [{ jsonPath: '.spec.color' }],
}

export function definition(
  versions: Version[] = [v1],
  own: Partial<CustomResourceDefinition['spec']> = {},
): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
      scope: 'Namespaced',
      versions,
      ...own,
    },
  }
}

export const unlessMissing = (error: unknown): undefined => {
  if (!isReason(error, 'NotFound')) throw error
}

/** Waits until a definition is as it should be; the simulated clock stands still, so only events can bring it there. */
export async function until(
  client: Client,
  name: string,
  is: (definition: CustomResourceDefinition | undefined) => boolean,
): Promise<CustomResourceDefinition | undefined> {
  for (let turn = 0; turn < 200; turn++) {
    const found = await client.get(customResourceDefinitions, { name }).catch(unlessMissing)
    if (is(found)) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error(`${name} did not become what it should be`)
}

export const isEstablished = (each: CustomResourceDefinition | undefined): boolean =>
  isConditionTrue(each?.status?.conditions, 'Established')

export async function define(
  client: Client,
  own: CustomResourceDefinition = definition(),
): Promise<CustomResourceDefinition> {
  await client.create(customResourceDefinitions, own)
  return (await until(client, own.metadata.name, isEstablished))!
}

export async function refusal(run: () => Promise<unknown>): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`
    throw error
  }
  return 'nothing was refused'
}

export const widget = (name: string, spec: Record<string, unknown>): Widget => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name, namespace },
  spec,
})

export async function withServer(run: (client: Client, fixture: ServerFixture) => Promise<void>): Promise<void> {
  await using fixture = await startServer()
  await run(clientOver(fixture.transport), fixture)
  assert.deepEqual(fixture.bugs, [])
}

/** Whether an object of the usual namespace, or of none, is not there. */
export async function isGone<T extends KubeObject>(client: Client, kind: Resource<T>, name: string): Promise<boolean> {
  const at = kind.scope === 'Namespaced' ? { name, namespace } : { name }
  return (await client.get(kind, at).catch(unlessMissing)) === undefined
}
