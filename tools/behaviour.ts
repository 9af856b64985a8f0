// Runs small workloads on the cluster of KUBECONFIG and compares what people see of them with a recording of a real
// cluster: `node tools/behaviour.ts GOLDEN.json [CASE ...]`. The recording was made on one node: `k8ts up` makes such a
// cluster. Exceptions with their reasons: docs/decisions/behaviour-differences.json.
import { readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'

import {
  compareFacts,
  factsOf,
  type Difference,
  type Exceptions,
  type Manifest,
  type RecordedCase,
  type SeenEvent,
  type SeenObject,
  type Snapshot,
  type Used,
} from './behaviourRecord.ts'
import { root } from './steps.ts'

/** Where the objects of a kind are; the kinds that a recording looks at. */
const places: Readonly<Record<string, string>> = {
  Pod: '/api/v1/namespaces/NS/pods',
  ConfigMap: '/api/v1/namespaces/NS/configmaps',
  Service: '/api/v1/namespaces/NS/services',
  Endpoints: '/api/v1/namespaces/NS/endpoints',
  ReplicationController: '/api/v1/namespaces/NS/replicationcontrollers',
  PersistentVolumeClaim: '/api/v1/namespaces/NS/persistentvolumeclaims',
  PersistentVolume: '/api/v1/persistentvolumes',
  ResourceQuota: '/api/v1/namespaces/NS/resourcequotas',
  Deployment: '/apis/apps/v1/namespaces/NS/deployments',
  ReplicaSet: '/apis/apps/v1/namespaces/NS/replicasets',
  StatefulSet: '/apis/apps/v1/namespaces/NS/statefulsets',
  DaemonSet: '/apis/apps/v1/namespaces/NS/daemonsets',
  Job: '/apis/batch/v1/namespaces/NS/jobs',
  CronJob: '/apis/batch/v1/namespaces/NS/cronjobs',
  HorizontalPodAutoscaler: '/apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers',
  EndpointSlice: '/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices',
  PodDisruptionBudget: '/apis/policy/v1/namespaces/NS/poddisruptionbudgets',
}

/** Created like the others, but not looked at. */
const unseen = new Set(['ConfigMap', 'PersistentVolume'])

/**
 * Seconds at which we look, around each look of the recording: what flips between two states is seen in both, and a node
 * that is faster than the recorded one is seen before it went on.
 */
const looks: readonly (readonly number[])[] = [
  [15, 18, 21, 23, 25, 27, 29],
  [60, 66, 72, 78, 84, 88, 92, 96, 100],
]

/** Seconds between the beginnings of two cases, so that one node can start them all. */
const stagger = 0.6

/** The kinds whose behaviour is compared; cases with others are left out unless they are named. */
const compared = new Set([
  'Pod',
  'ConfigMap',
  'Service',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'ReplicationController',
  'Job',
  'CronJob',
  'PersistentVolumeClaim',
  'PersistentVolume',
  'HorizontalPodAutoscaler',
  'ResourceQuota',
  'PodDisruptionBudget',
])

interface Answer {
  readonly code: number
  readonly body: Record<string, unknown>
}

type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

interface KubeconfigEntry<T> {
  readonly name: string
  readonly cluster?: T
  readonly user?: T
  readonly context?: T
}

/** Requests with the certificate of a kubeconfig's current context. */
function connect(path: string): { call: Call; close: () => void } {
  const config = parse(readFileSync(path, 'utf8')) as Record<string, KubeconfigEntry<Record<string, string>>[]> & {
    'current-context': string
  }
  const find = (section: string, name: string | undefined) => config[section]?.find((entry) => entry.name === name)
  const context = find('contexts', config['current-context'])?.context
  const cluster = find('clusters', context?.['cluster'])?.cluster
  const user = find('users', context?.['user'])?.user
  if (cluster === undefined || user === undefined) throw new Error(`${path} has no cluster and user as current context`)
  const decode = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64')
  const agent = new Agent({
    keepAlive: true,
    ca: decode(cluster['certificate-authority-data']),
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  })
  const call: Call = (method, target, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const data = body === undefined ? undefined : JSON.stringify(body)
      const sent = httpsRequest(
        new URL(target, cluster['server']),
        {
          method,
          agent,
          headers: {
            accept: 'application/json',
            ...(data === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }),
            ...headers,
          },
        },
        (response) => {
          const pieces: Buffer[] = []
          response.on('data', (piece: Buffer) => pieces.push(piece))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(pieces).toString()
            // A path that is not served at all is refused in plain text.
            if (response.headers['content-type']?.startsWith('application/json') !== true) {
              resolve({ code: response.statusCode ?? 0, body: { message: text.trim() } })
              return
            }
            try {
              resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] })
            } catch {
              reject(new Error(`${method} ${target}: ${response.statusCode}, broken JSON: ${text.slice(0, 200)}`))
            }
          })
        },
      )
      sent.on('error', reject)
      sent.end(data)
    })
  return { call, close: () => agent.destroy() }
}

/** The name of the only node; the recording knows no more. */
async function onlyNode(call: Call): Promise<string> {
  const { body } = await call('GET', '/api/v1/nodes')
  const names = (body['items'] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name)
  if (names.length === 1) return names[0]!
  throw new Error(`the recording is of one node, and this cluster has ${names.length} (${names.join(', ')})`)
}

const classes = '/apis/storage.k8s.io/v1/storageclasses'
const isDefault = 'storageclass.kubernetes.io/is-default-class'

/** Runs with no default storage class, as the recorded cluster had none. */
async function withoutDefaultClass<T>(call: Call, run: () => Promise<T>): Promise<T> {
  const { body } = await call('GET', classes)
  const marked = (body['items'] as { metadata: SeenObject['metadata'] }[]).filter(
    ({ metadata }) => metadata.annotations?.[isDefault] === 'true',
  )
  const mark = async (value: string): Promise<void> => {
    const patch = { metadata: { annotations: { [isDefault]: value } } }
    const type = { 'content-type': 'application/merge-patch+json' }
    for (const { metadata } of marked) await call('PATCH', `${classes}/${metadata.name}`, patch, type)
  }
  await mark('false')
  try {
    return await run()
  } finally {
    await mark('true')
  }
}

/** Why a case cannot be played: a kind that this server does not have. */
async function missingKind(call: Call, { manifests }: RecordedCase): Promise<string | undefined> {
  for (const { kind } of manifests) {
    const place = places[kind]
    if (place === undefined) return kind
    const { code } = await call('GET', `${place.replace('NS', 'default')}?limit=1`)
    if (code === 404) return kind
  }
  return undefined
}

/** Why a case says nothing of this cluster: the recorded one had no metrics. */
async function unlike(call: Call, { manifests }: RecordedCase): Promise<string | undefined> {
  if (!manifests.some(({ kind }) => kind === 'HorizontalPodAutoscaler')) return undefined
  const { code } = await call('GET', '/apis/metrics.k8s.io/v1beta1')
  return code === 200 ? 'it needs a cluster without metrics ("k8ts up --no-metrics")' : undefined
}

/** Creates a case's objects and does later what it says; the promise settles with the last deed. */
async function play(call: Call, namespace: string, { manifests, then }: RecordedCase): Promise<void> {
  for (const manifest of manifests) {
    const { code, body } = await call('POST', places[manifest.kind]!.replace('NS', namespace), manifest)
    if (code >= 300) throw new Error(`${manifest.kind} ${manifest.metadata.name}: ${code} ${String(body['message'])}`)
  }
  for (const deed of then.toSorted((a, b) => a.after - b.after)) {
    await sleep(deed.after * 1000 - (then.indexOf(deed) > 0 ? then[then.indexOf(deed) - 1]!.after * 1000 : 0))
    if (deed.patch !== undefined) {
      const type = { 'content-type': 'application/strategic-merge-patch+json' }
      const { code, body } = await call('PATCH', deed.patch.replace('NS', namespace), deed.body, type)
      if (code >= 300) throw new Error(`${deed.patch}: ${code} ${String(body['message'])}`)
    }
    if (deed.delete !== undefined) await call('DELETE', deed.delete.replace('NS', namespace))
  }
}

async function look(
  call: Call,
  namespace: string,
  manifests: readonly Manifest[],
  afterSeconds: number,
): Promise<Snapshot> {
  const kinds = new Set(['Pod', ...manifests.map(({ kind }) => kind).filter((kind) => !unseen.has(kind))])
  if (kinds.has('Deployment')) kinds.add('ReplicaSet')
  if (kinds.has('CronJob')) kinds.add('Job')
  if (kinds.has('Service')) kinds.add('Endpoints').add('EndpointSlice')
  if (kinds.has('StatefulSet')) kinds.add('PersistentVolumeClaim')
  const tables: Record<string, unknown[][]> = {}
  const objects: SeenObject[] = []
  for (const kind of kinds) {
    const path = places[kind]!.replace('NS', namespace)
    const { items } = (await call('GET', path)).body as { items: Record<string, unknown>[] }
    if (items.length === 0) continue
    const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
    const table = (await call('GET', path, undefined, accept)).body as {
      columnDefinitions: { name: string }[]
      rows: { cells: unknown[] }[]
    }
    tables[kind] = [table.columnDefinitions.map(({ name }) => name), ...table.rows.map(({ cells }) => cells)]
    for (const item of items) objects.push(seenObject(kind, item))
  }
  const events = (await call('GET', `/api/v1/namespaces/${namespace}/events`)).body as { items: RawEvent[] }
  return { afterSeconds, tables, objects, events: events.items.map((event) => seenEvent(event, namespace)) }
}

function seenObject(kind: string, item: Record<string, unknown>): SeenObject {
  const metadata = item['metadata'] as SeenObject['metadata']
  const { name, labels, annotations, generation, deletionGracePeriodSeconds, ownerReferences, finalizers } = metadata
  return {
    kind,
    metadata: {
      name,
      labels,
      ...(annotations === undefined ? {} : { annotations }),
      generation,
      deletionGracePeriodSeconds,
      ownerReferences,
      finalizers,
    },
    status: item['status'],
    ...(item['subsets'] === undefined ? {} : { subsets: item['subsets'] }),
    ...(item['endpoints'] === undefined ? {} : { endpoints: item['endpoints'], ports: item['ports'] }),
  }
}

interface RawEvent {
  readonly involvedObject: { readonly kind: string; readonly name: string; readonly fieldPath?: string }
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly source?: { readonly component?: string }
  readonly reportingComponent?: string
  readonly count?: number
}

function seenEvent(event: RawEvent, namespace: string): SeenEvent {
  const { involvedObject, type, reason, message, source, reportingComponent, count } = event
  return {
    object: `${involvedObject.kind}/${involvedObject.name}`,
    ...(involvedObject.fieldPath === undefined ? {} : { fieldPath: involvedObject.fieldPath }),
    type,
    reason,
    message: message.replaceAll(namespace, '(namespace)'),
    component: source?.component || reportingComponent || '',
    ...((count ?? 1) > 1 ? { repeated: true } : {}),
  }
}

interface Verdict {
  readonly name: string
  /** For each look of the recording, what differs at best. */
  readonly differences: readonly (readonly Difference[])[]
  readonly problem?: string
}

/** Plays a case in a namespace of its own and compares each look with the recorded one. */
async function compareCase(
  call: Call,
  name: string,
  recorded: RecordedCase,
  nodes: { readonly ours: string; readonly golden: string },
  namespace: string,
  judge: { readonly exceptions: Exceptions; readonly used: Used },
): Promise<Verdict> {
  await call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  try {
    // The recording of a cron job begins a moment before the full minute.
    if (recorded.manifests.some(({ kind }) => kind === 'CronJob'))
      await sleep((119_000 - (Date.now() % 60_000)) % 60_000)
    const began = performance.now()
    const seconds = (): number => (performance.now() - began) / 1000
    let problem: string | undefined
    const playing = play(call, namespace, recorded).catch((error: Error) => {
      problem = error.message
    })
    const golden = recorded.seen.map((snapshot) => factsOf(snapshot, nodes.golden))
    const differences: (readonly Difference[])[] = []
    for (const [turn, facts] of golden.entries()) {
      let best: readonly Difference[] | undefined
      for (const moment of looks[turn]!) {
        await sleep(Math.max(0, moment - seconds()) * 1000)
        if (best?.length === 0) continue
        const snapshot = await look(call, namespace, recorded.manifests, Math.round(seconds()))
        const { exceptions, used } = judge
        const next = compareFacts(name, facts, factsOf(snapshot, nodes.ours), golden.at(-1)!, exceptions, used)
        if (best === undefined || next.length < best.length) best = next
      }
      differences.push(best!)
    }
    await playing
    return { name, differences, ...(problem === undefined ? {} : { problem }) }
  } finally {
    await call('DELETE', `/api/v1/namespaces/${namespace}`)
    for (const { kind, metadata } of recorded.manifests) {
      if (kind === 'PersistentVolume') await call('DELETE', `${places[kind]}/${metadata.name}`)
    }
  }
}

/** Compares, prints agree or differ for each case, and returns the exit code. */
export async function compareBehaviour(
  goldenFile: string,
  kubeconfig: string,
  wanted: readonly string[],
): Promise<number> {
  const { cases } = JSON.parse(readFileSync(goldenFile, 'utf8')) as { cases: Record<string, RecordedCase> }
  const unknown = wanted.filter((name) => !Object.hasOwn(cases, name))
  if (unknown.length > 0) throw new Error(`no such case: ${unknown.join(', ')}`)
  const exceptions = JSON.parse(
    readFileSync(join(root, 'docs/decisions/behaviour-differences.json'), 'utf8'),
  ) as Exceptions
  const { call, close } = connect(kubeconfig)
  try {
    const chosen: [string, RecordedCase][] = []
    for (const [name, recorded] of Object.entries(cases)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue
      if (wanted.length === 0 && recorded.manifests.some(({ kind }) => !compared.has(kind))) continue
      const kind = await missingKind(call, recorded)
      const why = kind === undefined ? await unlike(call, recorded) : `${kind} is not served`
      if (why === undefined) chosen.push([name, recorded])
      else console.log(`not played  ${name}: ${why}`)
    }
    const used: Used = new Set()
    const nodes = { ours: await onlyNode(call), golden: 'k1' }
    const tag = `${process.pid.toString(36).padStart(6, '0')}xx`
    console.error(`${chosen.length} cases, about ${Math.ceil(looks[1]!.at(-1)! + chosen.length * stagger)} s`)
    const verdicts = await withoutDefaultClass(call, () =>
      Promise.all(
        chosen.map(async ([name, recorded], index) => {
          await sleep(index * stagger * 1000)
          return compareCase(call, name, recorded, nodes, `g${index}-${tag}`, { exceptions, used })
        }),
      ),
    )
    for (const verdict of verdicts) printVerdict(verdict)
    const differing = verdicts.filter(differs)
    console.log(`${verdicts.length - differing.length} of ${verdicts.length} agree`)
    if (wanted.length === 0) {
      for (const rule of [...exceptions.rewordings, ...exceptions.accepted]) {
        if (!used.has(rule) && !('sometimes' in rule)) console.log(`of no use  ${JSON.stringify(rule)}`)
      }
    }
    return differing.length === 0 ? 0 : 1
  } finally {
    close()
  }
}

const differs = ({ differences, problem }: Verdict): boolean =>
  problem !== undefined || differences.some((list) => list.length > 0)

function printVerdict(verdict: Verdict): void {
  console.log(`${differs(verdict) ? 'differ' : 'agree '}      ${verdict.name}`)
  if (verdict.problem !== undefined) console.log(`    ${verdict.problem}`)
  for (const [turn, list] of verdict.differences.entries()) {
    for (const { path, golden, ours } of list) {
      console.log(`    ${turn === 0 ? '25 s' : '95 s'}  ${path}`)
      console.log(`          recorded ${golden ?? 'nothing'}`)
      console.log(`          ours     ${ours ?? 'nothing'}`)
    }
  }
}

if (import.meta.main) {
  const [goldenFile, ...wanted] = process.argv.slice(2)
  const kubeconfig = process.env['KUBECONFIG']
  if (goldenFile === undefined || kubeconfig === undefined) {
    console.error('usage: KUBECONFIG=FILE node tools/behaviour.ts GOLDEN.json [CASE ...]')
    process.exitCode = 2
  } else {
    process.exitCode = await compareBehaviour(goldenFile, kubeconfig, wanted)
  }
}
