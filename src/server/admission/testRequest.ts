// Requests and surroundings for tests of admission plugins.
import type { KubeObject, Resource } from '#api/resource.ts'
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { seededRandom } from '#lib/random.ts'
import { StatusError } from '#machinery/status.ts'
import type { AdmissionPlugin, AdmissionRequest, ClusterView, ServedKind } from './chain.ts'

/** A cluster that holds these objects, found by the plural name of their kind. */
export function clusterWith(
  objects: Readonly<Record<string, readonly object[]>> = {},
  kinds: readonly ServedKind[] = [],
): ClusterView {
  const of = (resource: Resource): readonly KubeObject[] => (objects[resource.plural] ?? []) as KubeObject[]
  return {
    now: Date.parse('2026-01-01T00:00:00Z'),
    random: seededRandom(1),
    newUid: () => 'call-uid',
    forms: (resource) => [
      {
        resource: resource as Resource,
        show: (object) => object,
        read: (value) => structuredClone(value) as KubeObject,
      },
    ],
    kind: (name) => kinds.find(({ resource }) => resource.kind === name.kind && resource.group === name.group),
    get: (resource, namespace, name) =>
      of(resource as Resource).find(
        ({ metadata }) => metadata.name === name && (metadata.namespace ?? '') === namespace,
      ) as never,
    list: (resource, namespace) =>
      of(resource as Resource).filter(
        ({ metadata }) => namespace === '' || metadata.namespace === namespace,
      ) as readonly unknown[] as never,
    pause: () => Promise.resolve(),
    current: () => Promise.resolve(),
    replace: () => Promise.resolve(true),
  }
}

export interface RequestSketch extends Partial<
  Pick<AdmissionRequest, 'operation' | 'subresource' | 'caller' | 'dryRun'>
> {
  readonly object?: object
  readonly old?: object
}

/** What came of asking a plugin: the object as it is then, or the text of the refusal. */
export interface Verdict {
  readonly object?: unknown
  readonly refused?: string
  readonly code?: number
  readonly warnings?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** Asks a plugin about a write of one object: first to edit, then to judge. Only what was said is in the answer. */
export async function ask(
  plugin: AdmissionPlugin,
  resource: Resource<any>,
  sketch: RequestSketch,
  cluster: ClusterView = clusterWith(),
): Promise<Verdict> {
  const warnings: string[] = []
  const annotations: Record<string, string> = {}
  const object = sketch.object === undefined ? undefined : (structuredClone(sketch.object) as KubeObject)
  const old = sketch.old === undefined ? undefined : (deepFreeze(structuredClone(sketch.old)) as KubeObject)
  const { name = '', namespace = '' } = (object ?? old)!.metadata
  const request: AdmissionRequest = {
    operation: sketch.operation ?? (object === undefined ? 'DELETE' : old === undefined ? 'CREATE' : 'UPDATE'),
    resource: resource as Resource,
    requested: resource as Resource,
    options: () => ({ kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' }),
    subresource: sketch.subresource ?? '',
    namespace,
    name,
    caller: sketch.caller ?? { name: 'somebody', groups: ['system:authenticated'] },
    dryRun: sketch.dryRun ?? false,
    warn: (text) => warnings.push(text),
    annotate: (key, value) => {
      annotations[key] = value
    },
    ...(object === undefined ? {} : { object }),
    ...(old === undefined ? {} : { old }),
  }
  const said = (): Verdict => ({
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  })
  try {
    await plugin.admit?.(request, cluster)
    await plugin.validate?.(request, cluster)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return { refused: error.message, code: error.code, ...said() }
  }
  return { ...(object === undefined ? {} : { object }), ...said() }
}
