// The example operator against a server in this process: what a user of the kind sees, and what the operator does about it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { deployments } from '#api/apps/v1/deployment.ts'
import { leases } from '#api/coordination/v1/lease.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { events } from '#api/core/v1/event.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { clusterRoleBindings } from '#api/rbac/v1/clusterRoleBinding.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { clientOver, type Client } from '#client/client.ts'
import { runOperator } from '#client/operator.ts'
import { servingCertificate } from '#client/servingCertificate.ts'
import { waitFor } from '#client/waitFor.ts'
import { systemClock } from '#lib/clock.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { convertSite } from '../../examples/operator/convert.ts'
import { install } from '../../examples/operator/install.ts'
import { lastTurn, openLedger, type Entry } from '../../examples/operator/ledger.ts'
import { siteOperator } from '../../examples/operator/operator.ts'
import { betaSites, sites, type Site } from '../../examples/operator/site.ts'
import { startServer } from './apiServerFixture.ts'
import { refusal } from './customResourcesFixture.ts'
import { freePort } from './operatorProcesses.ts'

const namespace = 'default'
const at = { name: 'hello', namespace }
const pages = { 'index.html': '<h1>Hello</h1>' }
const withoutHost = { metadata: at, spec: { replicas: 2, pages } as never }

interface World {
  readonly client: Client
  readonly ledger: readonly Entry[]
  /** Waits until an object is as it should be, for two minutes. */
  until<T extends KubeObject>(
    resource: Resource<T>,
    holds: (object: T | undefined) => boolean,
    name?: string,
  ): Promise<T>
  readonly reported: readonly string[]
}

/** An operator that runs with the rights of its own role, in a cluster whose administrator installed it. */
async function withOperator(work: (world: World) => Promise<void>): Promise<void> {
  await using server = await startServer({ clock: systemClock, roles: true })
  const client = clientOver(server.transport)
  const port = await freePort()
  const secret = { namespace, name: 'site-operator-webhooks' }
  const certificate = await servingCertificate(client, { secret, addresses: ['127.0.0.1'] })
  const caBundle = Buffer.from(certificate.authority).toString('base64')
  const stop = new AbortController()
  await install(client, (path) => ({ url: `https://127.0.0.1:${port}${path}`, caBundle }), stop.signal)
  await client.create(clusterRoleBindings, {
    metadata: { name: 'site-operator' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'site-operator' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'site-operator' }],
  })
  const entries: Entry[] = []
  const reported: string[] = []
  const ledger = {
    append(entry: Entry) {
      if (entries.some(({ subject, turn }) => subject === entry.subject && turn >= entry.turn))
        return Promise.resolve('known' as const)
      entries.push(entry)
      return Promise.resolve('added' as const)
    },
  }
  const transport = inProcessTransport(server.server, { name: 'site-operator', groups: ['system:authenticated'] })
  const first = Promise.withResolvers<void>()
  const running = runOperator(
    siteOperator({ ledger, webhooks: { port, host: '127.0.0.1', certificate } }),
    {
      client: clientOver(transport, { fieldManager: 'site-operator' }),
      election: {
        namespace,
        identity: 'one',
        onLeader: () => first.resolve(),
      },
      report: (problem, error) => void reported.push(`${problem}: ${String(error)}`),
    },
    stop.signal,
  )
  await Promise.race([first.promise, running])
  const until: World['until'] = async (resource, holds, name = at.name) => {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(120_000)])
    return (await waitFor(client, resource, { name, namespace }, holds, { signal }))!
  }
  try {
    await work({ client, ledger: entries, until, reported })
  } finally {
    stop.abort()
    await running
  }
  const lease = await client.get(leases, { name: 'site-operator', namespace })
  assert.equal(lease.spec.holderIdentity, '', 'the lease was given back')
  assert.deepEqual(server.bugs, [])
}

const isObserved = (site: Site | undefined): boolean =>
  site !== undefined && site.status?.observedGeneration === site.metadata.generation

test('a site is completed, kept, told of, and withdrawn', async () => {
  await withOperator(async ({ client, ledger, until, reported }) => {
    const made = await client.create(sites, withoutHost)
    assert.equal(made.spec.host, 'hello.default.example.com')
    const site = await until(sites, isObserved)
    assert.deepEqual(
      site.status!.conditions!.map(({ type, status, reason }) => [type, status, reason]),
      [
        ['Available', 'Unknown', 'Progressing'],
        ['Published', 'True', 'Published'],
      ],
    )
    const { uid, generation } = site.metadata
    assert.deepEqual(
      ledger.map(({ subject, turn, action, host }) => [subject, turn, action, host]),
      [[uid, generation, 'publish', made.spec.host]],
    )
    const server = await client.get(deployments, at)
    assert.deepEqual([server.spec.replicas, (await client.get(configMaps, at)).data], [2, pages])
    // Events are written beside everything else.
    let items = (await client.list(events, { namespace })).items
    for (; items.length === 0; items = (await client.list(events, { namespace })).items)
      await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(
      items.map(({ reason, involvedObject }) => [reason, involvedObject.kind, involvedObject.uid]),
      [['Published', 'Site', uid]],
    )

    // The deployment controller is not there: somebody plays it.
    const conditions = [{ type: 'Available', status: 'True' as const, reason: 'MinimumReplicasAvailable', message: '' }]
    const observedGeneration = server.metadata.generation!
    await client.updateStatus(deployments, { ...server, status: { observedGeneration, replicas: 2, conditions } })
    const isAvailable = (each: Site | undefined) =>
      conditionOf(each?.status?.conditions, 'Available')?.status === 'True'
    const available = await until(sites, isAvailable)
    assert.equal(available.status!.replicas, 2)

    // Whoever changes what is the operator's loses it again; what is not stays.
    const body = { spec: { replicas: 7, minReadySeconds: 3 } }
    await client.patch(deployments, at, { type: 'merge', body })
    const again = await until(deployments, (each) => each?.spec.replicas === 2)
    assert.equal(again.spec.minReadySeconds, 3)
    await client.delete(configMaps, at)
    await until(configMaps, (each) => each !== undefined)

    await client.delete(sites, at)
    await until(sites, (each) => each === undefined)
    assert.deepEqual(
      ledger.map(({ action, turn }) => [action, turn]),
      [
        ['publish', generation],
        ['withdraw', lastTurn],
      ],
    )
    assert.deepEqual(reported, [])
  })
})

test('a site is scaled, printed and read in either version', async () => {
  await withOperator(async ({ client, ledger, until }) => {
    await client.create(betaSites, { metadata: at, spec: { html: '<p>old</p>' } as never })
    await until(sites, isObserved)
    const scale = await client.getSubresource<{ spec: object; status: object }>(sites, at, 'scale')
    const selector = 'app.kubernetes.io/name=site,sites.example.com/site=hello'
    assert.deepEqual([scale.spec, scale.status], [{ replicas: 1 }, { replicas: 0, selector }])
    await client.patchSubresource(sites, at, 'scale', { type: 'merge', body: { spec: { replicas: 4 } } })
    await until(deployments, (each) => each?.spec.replicas === 4)
    await client.patch(sites, at, { type: 'merge', body: { spec: { pages: { 'about.html': 'about' } } } })
    const site = await until(sites, (each) => isObserved(each) && each?.metadata.generation === 3)

    const old = await client.get(betaSites, at)
    assert.deepEqual(old.spec, { host: 'hello.default.example.com', copies: 4, html: '<p>old</p>' })
    assert.deepEqual(old.metadata.annotations, { 'sites.example.com/more-pages': '{"about.html":"about"}' })
    assert.deepEqual((convertSite(old, 'sites.example.com/v1') as Site).spec, site.spec)
    // A change through the older version keeps what it has no field for.
    await client.patch(betaSites, at, { type: 'merge', body: { spec: { html: '<p>new</p>' } } })
    const kept = await until(sites, (each) => isObserved(each) && each?.metadata.generation === 4)
    assert.deepEqual(kept.spec.pages, { 'index.html': '<p>new</p>', 'about.html': 'about' })
    assert.equal(ledger.at(-1)?.turn, 4)

    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    const path = '/apis/sites.example.com/v1beta1/namespaces/default/sites'
    const { body } = await client.transport.send({ method: 'GET', path, accept })
    const table = body as { columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] }
    const row = Object.fromEntries(
      table.columnDefinitions.map(({ name }, index) => [name, table.rows[0]!.cells[index]]),
    )
    const { Age: _, ...cells } = row
    assert.deepEqual(cells, {
      Name: 'hello',
      Host: 'hello.default.example.com',
      Replicas: 4,
      Available: 'Unknown',
      Published: 4,
    })
  })
})

test('what cannot be is refused, by the schema, by its rules and by the webhook', async () => {
  await withOperator(async ({ client, until }) => {
    await client.create(sites, withoutHost)
    await until(sites, isObserved)
    const patch = (spec: object) => refusal(() => client.patch(sites, at, { type: 'merge', body: { spec } }))
    const create = (name: string, spec: object) =>
      refusal(() => client.create(sites, { metadata: { name, namespace }, spec: spec as never }))
    assert.match(await patch({ replicas: 11 }), /422 .* spec.replicas: Invalid value: 11: .*less than or equal to 10/)
    assert.match(await patch({ host: 'other.example.com' }), /422 .* spec.host: .* a site cannot move to another host/)
    assert.match(await patch({ pages: { 'index.html': null, 'a.html': '' } }), /there must be an index.html/)
    assert.match(
      await patch({ pages: { 'A b': '' } }),
      /names are lower case letters, digits and "-", and end with .html/,
    )
    assert.equal(
      await create('two', { host: 'hello.default.example.com', pages }),
      '403 admission webhook "judge.sites.example.com" denied the request: hello.default.example.com is the host of site default/hello',
    )
    const warnings: string[] = []
    const warned = clientOver(client.transport, { onWarning: (text) => warnings.push(text) })
    await warned.patch(sites, at, { type: 'merge', body: { spec: { replicas: 0 } } })
    assert.deepEqual(warnings, ['nobody serves hello.default.example.com with spec.replicas: 0'])
  })
})

test('all instances share one certificate, and a name that is missing makes it anew under the same authority', async () => {
  await using server = await startServer({ clock: systemClock })
  const client = clientOver(server.transport)
  const options = { secret: { namespace, name: 'webhooks' }, dnsNames: ['one.default.svc'] }
  const [one, two] = await Promise.all([servingCertificate(client, options), servingCertificate(client, options)])
  assert.deepEqual(one, two)
  const more = await servingCertificate(client, { ...options, dnsNames: ['one.default.svc', 'two.default.svc'] })
  assert.equal(more.authority, one.authority)
  assert.notEqual(more.certificate, one.certificate)
  const later = { ...systemClock, now: () => systemClock.now() + 300 * 24 * 3_600_000 }
  const renewed = await servingCertificate(client, { ...options, clock: later })
  assert.deepEqual([renewed.authority === one.authority, renewed.certificate === more.certificate], [true, false])
  await client.patch(secrets, options.secret, { type: 'merge', body: { data: { 'ca.crt': null } } })
  await assert.rejects(servingCertificate(client, options), /"default\/webhooks" has no entry "ca.crt": delete it/)
})

test('the ledger takes an entry once, and none of a term that is over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-ledger-'))
  try {
    const [one, two] = [await openLedger(folder, 'one'), await openLedger(folder, 'two')]
    const entry = (subject: string, turn: number, fence: number): Entry => {
      return { subject, turn, fence, action: 'publish', host: 'h' }
    }
    assert.equal(await one.append(entry('a', 2, 5)), 'added')
    assert.equal(await two.append(entry('a', 2, 9)), 'known')
    assert.equal(await two.append(entry('a', 1, 9)), 'known', 'what comes too late is known')
    assert.equal(await two.append(entry('b', 1, 9)), 'added')
    // Whoever led before gets nothing, be it known or not.
    await assert.rejects(one.append(entry('b', 1, 5)), /^Error: b: term 5 is over, 9 has begun$/)
    await assert.rejects(one.append(entry('c', 1, 5)), /^Error: c: term 5 is over, 9 has begun$/)
    // Many at once, from both: each turn once, the numbers without a gap.
    const names = Array.from({ length: 30 }, (_, index) => `m${index}`)
    const came = await Promise.all(
      names.flatMap((name) => [one.append(entry(name, 1, 9)), two.append(entry(name, 1, 9))]),
    )
    assert.equal(came.filter((each) => each === 'added').length, names.length)
    const numbers = readdirSync(folder).map((name) => Number.parseInt(name, 10))
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      Array.from({ length: 32 }, (_, index) => index + 1),
    )
    // What a writer left who was killed in the middle of it is nothing.
    writeFileSync(join(folder, 'draft.three.1'), '{')
    assert.equal(await (await openLedger(folder, 'four')).append(entry('m3', 1, 10)), 'known')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the example runs in a project of its own, with the package beside it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-example-'))
  const root = join(import.meta.dirname, '../..')
  try {
    cpSync(join(root, 'examples/operator'), folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(root, join(folder, 'node_modules/k8ts'))
    const env = { ...process.env, KUBECONFIG: join(folder, 'none') }
    const run = promisify(execFile)(process.execPath, ['main.ts'], { cwd: folder, env })
    // Everything was found and loaded; what is missing is a cluster.
    await assert.rejects(run, /Cannot find a cluster: there is no file .*none; set KUBECONFIG to a kubeconfig/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
