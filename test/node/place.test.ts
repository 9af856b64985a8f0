/** Real places on this machine: needs root, containerd and the network plugins. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { ensureContainerd, findContainerd, stopContainerd } from '#cluster/place/containerd.ts'
import { pauseImage } from '#cluster/place/containerdConfig.ts'
import { isEmptyInventory, takeInventory } from '#cluster/place/inventory.ts'
import { clusterLayout } from '#cluster/place/layout.ts'
import { chooseNodeRange, nodeAddresses, readBusyRanges } from '#cluster/place/ranges.ts'
import type { ClusterNetwork } from '#cluster/place/ranges.ts'
import {
  destroyCluster,
  destroyPlace,
  ensureCluster,
  ensurePlace,
  findPlace,
  listPlaces,
} from '#cluster/place/place.ts'
import type { Place } from '#cluster/place/place.ts'
import { writePodNetwork } from '#cluster/place/podNetwork.ts'
import { architectureOf } from '#cluster/image/build.ts'
import { buildPauseImage, importImages, listImages, saveImage } from '#cluster/image/store.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'
import { applyRoutes } from '#nodeNetwork/routes.ts'
import { busyboxIn } from './busybox.ts'

const host = systemHost(systemClock)
const cluster = 't-place'

const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

describe('places', { skip: reasonToSkip }, () => {
  let folder: string
  let roots: { runtime: string; data: string }
  let network: ClusterNetwork
  const places: Place[] = []
  const run = (place: Place, ...command: string[]): Promise<string> => runChecked(host.processes, place.enter(command))
  /** ctr with what makes it start containers as the place's own containerd does. */
  const ctr = (place: Place, ...words: string[]) =>
    host.processes.run(place.enter(['ctr', '--address', place.layout.socket, '--namespace', 'k8s.io', ...words]))

  /** What the machine has of links, routes, mounts and namespaces, ours and others'. */
  const machineState = async () => ({
    links: (await host.ip().show(['link', 'show']))
      .map((link) => link.ifname)
      .filter((name) => name === clusterLayout(cluster).hostLink),
    routes: (await host.ip().show(['route', 'show', 'table', 'all', 'proto', '89'])).filter(
      (route) => route.metric === clusterLayout(cluster).barrierMetric,
    ),
    mounts: host.mounts.list().filter((mount) => mount.target.includes(cluster)),
    forwarding: await host.files.readText('/proc/sys/net/ipv4/ip_forward'),
    inventory: await takeInventory(host, cluster, roots),
  })
  let stateBefore: Awaited<ReturnType<typeof machineState>>

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'place-test-'))
    roots = { runtime: '/run/k8ts', data: join(folder, 'data') }
    // What an aborted run has left.
    await destroyCluster(host, cluster, { roots })
    stateBefore = await machineState()
    assert.equal(isEmptyInventory(stateBefore.inventory), true)
    const nodeRange = chooseNodeRange(clusterLayout(cluster), await readBusyRanges(host.ip()))
    assert.ok(nodeRange)
    network = { nodeRange, podRange: '10.244.0.0/16', serviceRange: '10.96.0.0/12' }
  })
  after(async () => {
    await destroyCluster(host, cluster, { roots })
    await rm(folder, { recursive: true, force: true })
  })

  it('are made side by side, with a containerd each', async () => {
    await ensureCluster(host, cluster, network, roots)
    const make = async (node: string, index: number): Promise<void> => {
      const place = await ensurePlace(host, {
        cluster,
        node,
        inside: { address: nodeAddresses(network, index)[0]!, network },
        roots,
        ephemeral: index === 1,
      })
      places[index] = place
      await ensureContainerd(host, place)
    }
    await Promise.all(['one', 'two'].map(make))
    assert.deepEqual(
      (await listPlaces(host, cluster, roots)).map((place) => place.node),
      ['one', 'two'],
    )
    const inventory = await takeInventory(host, cluster, roots)
    assert.equal(inventory.processes.length, 2)
    assert.equal(inventory.routes.length, 3)
  })

  it('reach each other and are reached from the host, but nothing else', async () => {
    const [one, two] = places as [Place, Place]
    const busybox = await busyboxIn(host, folder)
    await run(one, busybox, 'ping', '-c1', '-W20', two.address!)
    await runChecked(host.processes, [busybox, 'ping', '-c1', '-W20', one.address!])
    const outside = await host.processes.run(one.enter(['ip', 'route', 'get', '198.51.100.1']))
    assert.match(outside.stderr, /Network is unreachable|No route to host/)
    const stray = await host.processes.run(['ip', 'route', 'get', '10.244.77.1'])
    assert.match(stray.stderr, /Network is unreachable|No route to host/)
  })

  it('are made only once with the same settings, and not with others', async () => {
    const again = await ensurePlace(host, {
      cluster,
      node: 'one',
      inside: { address: places[0]!.address!, network },
      roots,
    })
    assert.deepEqual({ ...again, enter: 0 }, { ...places[0]!, enter: 0 })
    const other = { address: nodeAddresses(network, 9)[0]!, network }
    await assert.rejects(
      ensurePlace(host, { cluster, node: 'one', inside: other, roots }),
      /it exists with other settings/,
    )
  })

  it('know the host as the place from which they were made', async () => {
    const links = await host.ip(places[0]!.layout.networkNamespace).show(['link', 'show'])
    assert.deepEqual(
      links.map((link) => link.ifname),
      ['lo', 'eth0'],
    )
    const seen = await run(
      places[0]!,
      'nsenter',
      `--net=${places[0]!.layout.hostNetworkNamespace}`,
      'ip',
      '-o',
      'link',
      'show',
      places[0]!.layout.hostLink,
    )
    assert.match(seen, new RegExp(places[0]!.layout.hostLink))
  })

  it('get routes to pods, and lose them', async () => {
    const { hostLink, podRouteMetric } = places[0]!.layout
    const routes = async () =>
      (await host.ip().show(['route', 'show', 'dev', hostLink, 'proto', '89'])).map(
        (route) => `${String(route.dst)} via ${String(route.gateway)}`,
      )
    const way = (at: number) => ({ range: '10.244.201.0/24', via: places[at]!.address!, device: hostLink })
    await applyRoutes(host.ip(), [way(0)], podRouteMetric, [4])
    await applyRoutes(host.ip(), [way(1)], podRouteMetric, [4])
    assert.deepEqual(await routes(), [`10.244.201.0/24 via ${places[1]!.address}`])
    await applyRoutes(host.ip(), [], podRouteMetric, [4])
    assert.deepEqual(await routes(), [])
  })

  it('take images and run them', async () => {
    const pause = await buildPauseImage(architectureOf(process.arch), pauseImage)
    const archive = await saveImage(host, join(folder, 'images'), pauseImage, pause.bytes)
    for (const place of places) await importImages(host, place, [archive])
    assert.deepEqual(
      (await listImages(host, places[0]!)).map((image) => image.name),
      [pauseImage],
    )
    const started = await ctr(
      places[0]!,
      'run',
      '--detach',
      '--runc-binary=/usr/bin/crun',
      `--cgroup=${places[0]!.layout.placeCgroup}/pause`,
      pauseImage,
      'holder',
    )
    assert.equal(started.code, 0, started.stderr)
    await writePodNetwork(host, places[0]!.layout, ['10.244.1.0/24'], 1500)
  })

  it('keep containers when containerd is killed, and adopt them', async () => {
    const [place] = places as [Place]
    const running = await ensureContainerd(host, place)
    host.processes.kill(running.pid, 'SIGKILL')
    while (host.processes.isAlive(running)) await systemClock.sleep(5)
    assert.equal(await findContainerd(host, place), undefined)
    const next = await ensureContainerd(host, place)
    assert.notEqual(next.pid, running.pid)
    const tasks = await ctr(place, 'tasks', 'list')
    assert.match(tasks.stdout, /holder\s+\d+\s+RUNNING/)
    await stopContainerd(host, place)
    assert.equal(await findContainerd(host, place), undefined)
    const third = await ensureContainerd(host, place)
    const pid = Number(/holder\s+(\d+)/.exec((await ctr(place, 'tasks', 'list')).stdout)?.[1])
    const holder = host.processes.identify(pid)
    assert.ok(holder)
    host.processes.kill(third.pid, 'SIGKILL')
  })

  it('keep their images over a stop', async () => {
    await destroyPlace(host, cluster, 'one', { keepData: true, roots })
    assert.equal(await findPlace(host, cluster, 'one', roots), undefined)
    const inside = { address: nodeAddresses(network, 0)[0]!, network }
    places[0] = await ensurePlace(host, { cluster, node: 'one', inside, roots })
    const running = await ensureContainerd(host, places[0])
    assert.deepEqual(
      (await listImages(host, places[0])).map((image) => image.name),
      [pauseImage],
    )
    await ctr(places[0], 'containers', 'rm', 'holder')
    const started = await ctr(
      places[0],
      'run',
      '--detach',
      '--runc-binary=/usr/bin/crun',
      `--cgroup=${places[0].layout.placeCgroup}/pause`,
      pauseImage,
      'holder',
    )
    assert.equal(started.code, 0, started.stderr)
    // Left running for the removal, with its containerd dead.
    host.processes.kill(running.pid, 'SIGKILL')
  })

  it('are removed by name with everything in them', async () => {
    const started = performance.now()
    await destroyPlace(host, cluster, 'one', { roots })
    const milliseconds = Math.round(performance.now() - started)
    assert.equal(await findPlace(host, cluster, 'one', roots), undefined)
    const { processes, cgroups } = await takeInventory(host, cluster, roots)
    assert.deepEqual(processes.length, 1)
    assert.deepEqual(cgroups, [`/k8ts/${cluster}`, `/k8ts/${cluster}/two`])
    assert.ok(milliseconds < 20_000)
    await destroyPlace(host, cluster, 'one', { roots })
  })

  it('leave nothing of their cluster behind', async () => {
    await destroyCluster(host, cluster, { roots })
    assert.deepEqual(await machineState(), stateBefore)
    await destroyCluster(host, cluster, { roots })
  })

  it('are taken away when they were left half made', async () => {
    const layout = clusterLayout(cluster, roots)
    await ensureCluster(host, cluster, network, roots)
    await host.files.write(`${layout.namespaceFolder}/half.node-net`, '')
    await runChecked(host.processes, ['unshare', `--net=${layout.namespaceFolder}/half.node-net`, 'true'])
    host.cgroups.create(`${layout.cgroup}/half/kubepods/pod1`)
    await host.processes.start(['nsenter', `--net=${layout.namespaceFolder}/half.node-net`, 'sleep', '1000'])
    await destroyCluster(host, cluster, { roots })
    assert.deepEqual(await machineState(), stateBefore)
  })

  it('may be the machine itself', async () => {
    const place = await ensurePlace(host, { cluster, node: 'itself', roots })
    assert.deepEqual(place.enter(['a', 'b']), ['a', 'b'])
    await ensureContainerd(host, place)
    assert.deepEqual((await takeInventory(host, cluster, roots)).processes.length, 1)
    await destroyCluster(host, cluster, { roots })
    assert.deepEqual(await machineState(), stateBefore)
  })
})
