// What must be true after a run of the example operator, by the cluster, the history of its store and the ledger outside.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deployments, type Deployment } from '#api/apps/v1/deployment.ts'
import { leases, type Lease } from '#api/coordination/v1/lease.ts'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import { systemClock } from '#lib/clock.ts'
import { systemRandom } from '#lib/random.ts'
import { controllerOf } from '#machinery/owners.ts'
import { keyPrefix } from '#server/kind.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import type { Entry } from '../../examples/operator/ledger.ts'
import { digestOf } from '../../examples/operator/plan.ts'
import { finalizer } from '../../examples/operator/reconciler.ts'
import { sites, type Site } from '../../examples/operator/site.ts'
import type { Instances } from './operatorProcesses.ts'
import { checkFollowing, readRecords, type Following, type OperatorRecord } from './operatorRecords.ts'
import { isSame, type SiteWriters } from './operatorWriter.ts'

/** Waits until the operator has looked at the last generation of every site, and nothing is left of those that went. */
export async function settled(client: Client, signal: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const until = AbortSignal.any([signal, stop.signal])
  const copyOf = <T extends KubeObject>(resource: Resource<T>): WatchedInformer<T> =>
    new WatchedInformer<T>({ client, resource, selection: {}, clock: systemClock, random: systemRandom })
  const copies = [copyOf(sites), copyOf(configMaps), copyOf(deployments)] as const
  const running = copies.map((copy) => copy.run(until))
  const [all, ...children] = copies
  const unsettled = (): string[] => [
    ...all
      .list()
      .filter(({ metadata, status }) => {
        return metadata.deletionTimestamp !== undefined || status?.observedGeneration !== metadata.generation
      })
      .map(({ metadata }) => `site ${metadata.name}`),
    ...children
      .flatMap((copy): readonly KubeObject[] => copy.list())
      .filter((child) => {
        const owner = controllerOf(child)
        return owner !== undefined && all.get(`default/${owner.name}`)?.metadata.uid !== owner.uid
      })
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`),
  ]
  try {
    await Promise.all(copies.map((copy) => copy.synced(signal)))
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (unsettled().length === 0) resolve()
      }
      for (const copy of copies) copy.onChange(look)
      look()
      signal.addEventListener('abort', () => reject(new Error(`not settled: ${unsettled().join(', ')}`)), {
        once: true,
      })
    })
  } finally {
    stop.abort()
    await Promise.all(running)
  }
}

/** One change of one object, as the store has it. */
interface StoredChange<T> {
  readonly revision: number
  readonly key: string
  /** Absent: deleted. */
  readonly object?: T
}

/** Everything that ever happened, from the store that the servers left. */
async function readHistory(
  folder: string,
): Promise<<T extends KubeObject>(resource: Resource<T>) => StoredChange<T>[]> {
  await using store = await openSqliteStore({ directory: join(folder, 'store') })
  const newest = await store.revision()
  const changes: StoredChange<KubeObject>[] = []
  for await (const { events, revision } of store.watch('/registry/', 1, AbortSignal.timeout(60_000))) {
    for (const event of events) {
      const { key, revision: at } = event
      const object = event.type === 'put' ? (JSON.parse(event.kv.value.toString()) as KubeObject) : undefined
      changes.push({ revision: at, key, ...(object === undefined ? {} : { object }) })
    }
    if (revision >= newest) break
  }
  return <T extends KubeObject>(resource: Resource<T>) =>
    changes.filter(({ key }) => key.startsWith(keyPrefix(resource))) as StoredChange<T>[]
}

/** What a run came to. */
export interface Figures {
  readonly sites: {
    readonly ever: number
    readonly present: number
    readonly generations: number
    readonly changes: number
  }
  readonly ledger: {
    readonly published: number
    readonly withdrawn: number
    /** Actions that were known already, and those of leaders whose term was over. */
    readonly triedAgain: number
    readonly refused: number
  }
  readonly leadership: { readonly terms: number; readonly instances: number; readonly lateWrites: number }
  readonly watches: Following
}

/** Checks the whole run. */
export async function checkRun(folder: string, instances: Instances, writers: SiteWriters): Promise<Figures> {
  const historyOf = await readHistory(folder)
  const siteHistory = historyOf(sites)
  const own = <T extends KubeObject>(changes: readonly StoredChange<T>[]): StoredChange<T>[] => {
    const keys = new Set(
      changes
        .filter(({ object }) => object !== undefined && controllerOf(object)?.kind === 'Site')
        .map(({ key }) => key),
    )
    return changes.filter(({ key }) => keys.has(key))
  }
  const histories = {
    sites: siteHistory,
    configmaps: own(historyOf(configMaps)),
    deployments: own(historyOf(deployments)),
  }
  const present = presentOf(siteHistory)
  checkWrites(present, writers)
  checkObjects(present, presentOf(histories.configmaps), presentOf(histories.deployments))
  const ledger = readLedger(join(folder, 'ledger'))
  checkLedger(ledger, siteHistory, present)

  const terms = termsOf(historyOf(leases).filter(({ key }) => key.endsWith('/site-operator')))
  const records = new Map([...instances.all.keys()].map((each) => [each, readRecords(join(folder, `records.${each}`))]))
  const late = checkTerms(terms, ledger, records, instances)
  const actions = [...records.values()].flat().filter((record) => record.was === 'action')
  const count = (came: string): number => actions.filter((action) => action.came === came).length
  const watching = { events: 0, resumed: 0, begun: 0 }
  for (const [identity, own] of records) {
    const killed = instances.all.get(identity)!.fate !== 'lasted'
    for (const [plural, changes] of Object.entries(histories)) {
      const revisions = changes.map(({ revision }) => revision)
      const found = checkFollowing(own, plural, revisions, { killed, say: `${identity}, ${plural}` })
      watching.events += found.events
      watching.resumed += found.resumed
      watching.begun += found.begun
    }
  }
  const uids = new Set(siteHistory.flatMap(({ object }) => object?.metadata.uid ?? []))
  const generations = new Set(
    siteHistory.flatMap(({ object }) =>
      object === undefined || object.metadata.deletionTimestamp !== undefined
        ? []
        : [`${object.metadata.uid}/${object.metadata.generation}`],
    ),
  )
  return {
    sites: { ever: uids.size, present: present.size, generations: generations.size, changes: siteHistory.length },
    ledger: {
      published: ledger.filter(({ action }) => action === 'publish').length,
      withdrawn: ledger.filter(({ action }) => action === 'withdraw').length,
      triedAgain: count('known'),
      refused: count('refused'),
    },
    leadership: { terms: terms.length, instances: instances.all.size, lateWrites: late },
    watches: watching,
  }
}

function presentOf<T extends KubeObject>(changes: readonly StoredChange<T>[]): Map<string, T> {
  const present = new Map<string, T>()
  for (const { key, object } of changes) {
    if (object === undefined) present.delete(key)
    else present.set(key, object)
  }
  return new Map([...present.values()].map((object) => [object.metadata.name, object]))
}

/** What people were told is what there is. */
function checkWrites(present: ReadonlyMap<string, Site>, writers: SiteWriters): void {
  for (const [name, known] of writers.known) {
    const site = present.get(name)
    const found = site === undefined ? ({ is: 'absent' } as const) : ({ is: 'there', spec: site.spec } as const)
    const wanted = known.is === 'ending' ? ({ is: 'absent' } as const) : known
    assert.ok(isSame(found, wanted), `${name} is ${JSON.stringify(found)}, its writer knows ${JSON.stringify(wanted)}`)
  }
}

/** Every site has what its last generation demands, and nothing else is there. */
function checkObjects(
  present: ReadonlyMap<string, Site>,
  pages: ReadonlyMap<string, ConfigMap>,
  servers: ReadonlyMap<string, Deployment>,
): void {
  const names = [...present.keys()].toSorted()
  assert.deepEqual([...pages.keys()].toSorted(), names)
  assert.deepEqual([...servers.keys()].toSorted(), names)
  for (const [name, { metadata, spec, status }] of present) {
    const server = servers.get(name)!
    assert.deepEqual(pages.get(name)!.data, spec.pages, name)
    assert.equal(server.spec.replicas, spec.replicas, name)
    assert.deepEqual(server.spec.template.metadata?.annotations, { 'sites.example.com/pages': digestOf(spec.pages) })
    for (const child of [pages.get(name)!, server]) {
      assert.deepEqual(
        child.metadata.ownerReferences?.map(({ uid }) => uid),
        [metadata.uid],
        name,
      )
    }
    const { observedGeneration, publishedGeneration, conditions = [] } = status!
    assert.deepEqual([observedGeneration, publishedGeneration], [metadata.generation, metadata.generation], name)
    assert.deepEqual(
      conditions.map((each) => [each.type, each.status, each.observedGeneration]),
      [
        ['Available', 'Unknown', metadata.generation],
        ['Published', 'True', metadata.generation],
      ],
    )
  }
}

function readLedger(folder: string): Entry[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const numbers = files.map((name) => Number.parseInt(name, 10))
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
    'the ledger has no gap',
  )
  return files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Entry)
}

/** Nothing happened twice, nothing is missing, and of one site everything happened in order. */
function checkLedger(
  ledger: readonly Entry[],
  history: readonly StoredChange<Site>[],
  present: ReadonlyMap<string, Site>,
): void {
  const actions = ledger.map(({ subject, turn }) => `${subject} ${turn}`)
  assert.equal(new Set(actions).size, actions.length, 'an action happened twice')
  const byUid = new Map<string, { readonly versions: Site[]; readonly entries: Entry[] }>()
  for (const { object } of history) {
    if (object === undefined) continue
    const uid = object.metadata.uid!
    const known = byUid.get(uid) ?? { versions: [], entries: [] }
    known.versions.push(object)
    byUid.set(uid, known)
  }
  for (const entry of ledger) {
    const known = byUid.get(entry.subject)
    assert.ok(known, `${entry.subject} is no site that ever was`)
    known.entries.push(entry)
  }
  const uidsPresent = new Set([...present.values()].map(({ metadata }) => metadata.uid))
  for (const [uid, { versions, entries }] of byUid) {
    const published = entries.filter(({ action }) => action === 'publish')
    const generations = published.map(({ turn }) => turn)
    assert.deepEqual(
      generations,
      generations.toSorted((a, b) => a - b),
      `${uid}: in order of the generations`,
    )
    for (const [index, { content, host }] of published.entries()) {
      const demanded = versions.find(({ metadata }) => metadata.generation === generations[index])!.spec
      assert.deepEqual([host, content], [demanded.host, digestOf(demanded.pages)], `${uid}: what was published`)
    }
    if (uidsPresent.has(uid)) {
      assert.equal(generations.at(-1), versions.at(-1)!.metadata.generation, `${uid}: its last generation is published`)
      assert.equal(published.length, entries.length, `${uid} is there and was withdrawn`)
    } else {
      const wasTaken = versions.some(({ metadata }) => metadata.finalizers?.includes(finalizer) === true)
      const withdrawn = entries.filter(({ action }) => action === 'withdraw')
      assert.equal(withdrawn.length, wasTaken ? 1 : 0, `${uid}: withdrawals of a site that went`)
      assert.equal(entries.at(-1)?.action ?? 'withdraw', 'withdraw', `${uid}: nothing happened after its withdrawal`)
    }
  }
}

/** A term of a leader: from the revision at which he took the lease. Moments in milliseconds. */
interface Term {
  readonly identity: string
  readonly fence: number
  readonly acquired: number
  renewed: number
}

/** The terms of the lease, which changes hands when it is given back or was not renewed for its duration. */
function termsOf(history: readonly StoredChange<Lease>[]): Term[] {
  const terms: Term[] = []
  let holder = ''
  let transitions = -1
  for (const { revision, object } of history) {
    const { holderIdentity = '', renewTime, acquireTime, leaseTransitions = 0, leaseDurationSeconds } = object!.spec
    const last = terms.at(-1)
    if (holderIdentity !== holder && holderIdentity !== '') {
      assert.equal(leaseTransitions, transitions + 1, `revision ${revision}: each change of hands is counted`)
      transitions = leaseTransitions
      const acquired = Date.parse(acquireTime!)
      if (holder !== '') {
        const silence = acquired - last!.renewed
        const least = leaseDurationSeconds! * 1000
        assert.ok(silence >= least, `${holderIdentity} took the lease from ${holder} after ${silence} ms`)
      }
      terms.push({ identity: holderIdentity, fence: revision, acquired, renewed: acquired })
    } else if (holderIdentity !== '') last!.renewed = Date.parse(renewTime!)
    holder = holderIdentity
  }
  assert.equal(holder, '', 'the last leader gave the lease back')
  return terms
}

/** Nobody acted outside of his term. Returns how many writes to the cluster were begun by halted leaders who did not know yet. */
function checkTerms(
  terms: readonly Term[],
  ledger: readonly Entry[],
  records: ReadonlyMap<string, readonly OperatorRecord[]>,
  instances: Instances,
): number {
  const fences = ledger.map(({ fence }) => fence)
  assert.deepEqual(
    fences,
    fences.toSorted((a, b) => a - b),
    'a leader acted after the next one',
  )
  for (const fence of new Set(fences))
    assert.ok(
      terms.some((term) => term.fence === fence),
      `no term has ${fence}`,
    )
  assert.equal(new Set(terms.map(({ identity }) => identity)).size, terms.length, 'an instance led twice')
  let late = 0
  for (const [identity, own] of records) {
    const index = terms.findIndex((term) => term.identity === identity)
    const term = terms[index]
    for (const record of own) {
      if (record.was === 'action')
        assert.equal(record.fence, term?.fence, `${identity} acted in a term that is not his`)
      if (record.was !== 'write') continue
      assert.ok(term !== undefined && record.at >= term.acquired, `${identity} wrote before he led`)
      const next = terms[index + 1]
      if (next === undefined || record.at < next.acquired) continue
      assert.equal(instances.all.get(identity)!.fate, 'paused', `${identity} wrote to ${record.plural} after his term`)
      late++
    }
  }
  return late
}
