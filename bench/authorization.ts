/** What it costs to ask whether a caller may do something, with the bootstrap roles and a thousand bindings of people. */
import { pods } from '#api/core/v1/pod.ts'
import type { KubeObject } from '#api/resource.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import { allStrategies } from '#resources/index.ts'
import type { ClusterView } from '#server/admission/chain.ts'
import { decide, type Attributes } from '#server/authorize/authorizer.ts'
import { authorizationOf } from '#server/authorize/authorizers.ts'
import { bootstrapPolicy } from '#server/authorize/bootstrap/policy.ts'
import { componentCaller } from '#server/identities.ts'
import { keyOf, Kinds, serveKind } from '#server/kind.ts'
import { encodeObject, StoredObject } from '#server/storedObject.ts'
import type { Caller } from '#server/strategy.ts'
import { WatchCache } from '#server/watchCache.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'

const rounds = 300_000
const people = 1_000
const apiGroup = 'rbac.authorization.k8s.io'

const clock = new SimulatedClock()
const cache = new WatchCache({ store: openMemoryStore({ clock }), clock })
const kinds = new Kinds(
  allStrategies({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] }).flatMap((strategy) =>
    serveKind(strategy, (resource) => schemaOfKind(resource)!, cache),
  ),
)
const view = { get: () => undefined, list: () => [] } as unknown as ClusterView
const { authorizers } = authorizationOf(kinds, view)

let revision = 0
function put(object: KubeObject): void {
  const kind = kinds.all().find(({ resource }) => resource.kind === object.kind)!
  const key = keyOf(kind, object.metadata.namespace ?? '', object.metadata.name)
  const { value } = encodeObject({ ...object, metadata: { ...object.metadata, uid: `${++revision}` } })
  kind.cache.fill(new StoredObject(key, revision, value))
}

function attributes(verb: string, group: string, resource: string, subresource = '', namespace = 'a'): Attributes {
  return { path: '', isResource: true, verb, group, version: 'v1', namespace, resource, subresource, name: 'x' }
}

export function run(): Promise<Measurement[]> {
  for (const object of bootstrapPolicy()) put(object)
  for (let i = 0; i < people; i++) {
    put({
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata: { name: `person${i}`, namespace: i % 2 === 0 ? 'a' : 'b' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'system:aggregate-to-edit' },
      subjects: [{ kind: 'User', apiGroup, name: `person${i}` }],
    } as KubeObject)
  }
  const controller = componentCaller('system:serviceaccount:kube-system:deployment-controller')
  const admin: Caller = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }
  const person: Caller = { name: 'person500', groups: ['system:authenticated'] }
  const robot = componentCaller('system:serviceaccount:a:default')
  const create = attributes('create', '', pods.plural)
  const rows: [string, Caller, Attributes][] = [
    ['an administrator creates a pod', admin, create],
    ['a controller writes a replica set', controller, attributes('update', 'apps', 'replicasets')],
    [
      'the scheduler binds a pod',
      componentCaller('system:kube-scheduler'),
      attributes('create', '', 'pods', 'binding'),
    ],
    ['a node writes the status of a pod', componentCaller('system:node:n1'), attributes('patch', '', 'pods', 'status')],
    ['somebody with a role in the namespace creates a pod', person, create],
    ['somebody is refused', robot, create],
  ]
  const bare = measure('a function that says yes', () => ({ verdict: 'allow' }) as const)
  return Promise.resolve([
    bare,
    ...rows.map(([name, caller, wish]) => ({
      ...measure(name, () => decide(authorizers, caller, wish)),
      goal: { atMost: 5 },
    })),
  ])
}

function measure(name: string, work: () => { readonly verdict: string }): Measurement {
  let allowed = 0
  for (let i = 0; i < rounds / 10; i++) if (work().verdict === 'allow') allowed++
  const begun = performance.now()
  for (let i = 0; i < rounds; i++) if (work().verdict === 'allow') allowed++
  const value = ((performance.now() - begun) / rounds) * 1000
  return { name: `${name} (${allowed > 0 ? 'allowed' : 'not allowed'})`, value, unit: 'µs' }
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
