/** The images that other tests use: built from this machine and Debian packages, imported, run. Needs root and containerd. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { architectureOf } from '#cluster/image/build.ts'
import { buildFolder, buildFromFile } from '#cluster/image/buildSet.ts'
import type { BuiltImage } from '#cluster/image/buildSet.ts'
import { adoptArchive, buildPauseImage, importImages, listImages, saveImage } from '#cluster/image/store.ts'
import { ensureContainerd } from '#cluster/place/containerd.ts'
import { pauseImage } from '#cluster/place/containerdConfig.ts'
import { clusterLayout } from '#cluster/place/layout.ts'
import { chooseNodeRange, nodeAddresses, readBusyRanges } from '#cluster/place/ranges.ts'
import { destroyCluster, ensureCluster, ensurePlace } from '#cluster/place/place.ts'
import type { Place } from '#cluster/place/place.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'

const host = systemHost(systemClock)
const cluster = 't-image'
const architecture = architectureOf(process.arch)
const sources = fileURLToPath(new URL('../images', import.meta.url))
/** Kept between runs, so that only the first needs the network. */
const packageCache = fileURLToPath(new URL('../../node_modules/.cache/packages', import.meta.url))
const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

describe('images', { skip: reasonToSkip }, () => {
  let folder: string
  let roots: { runtime: string; data: string }
  let place: Place
  let built: BuiltImage[]
  const folders = () => ({
    images: join(folder, 'images'),
    packages: packageCache,
    work: join(folder, 'work'),
  })
  const ctr = (...words: string[]) =>
    host.processes.run(place.enter(['ctr', '--address', place.layout.socket, '--namespace', 'k8s.io', ...words]), {
      timeoutMs: 120_000,
    })
  let containers = 0
  const runArguments = (image: string, options: string[], command: string[]): string[] => {
    const id = `c${containers++}`
    return [
      'run',
      '--runc-binary=/usr/bin/crun',
      `--cgroup=${place.layout.placeCgroup}/${id}`,
      '--net-host',
      ...options,
      image,
      id,
      ...command,
    ]
  }
  const runOnce = async (image: string, ...command: string[]) => {
    const result = await ctr(...runArguments(image, ['--rm'], command))
    return { code: result.code, output: (result.stdout + result.stderr).trim() }
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'image-test-'))
    roots = { runtime: '/run/k8ts', data: join(folder, 'data') }
    await destroyCluster(host, cluster, { roots })
    const nodeRange = chooseNodeRange(clusterLayout(cluster), await readBusyRanges(host.ip()))
    assert.ok(nodeRange)
    const network = { nodeRange, podRange: '10.244.0.0/16', serviceRange: '10.96.0.0/12' }
    await ensureCluster(host, cluster, network, roots)
    place = await ensurePlace(host, {
      cluster,
      node: 'one',
      inside: { address: nodeAddresses(network, 0)[0]!, network },
      roots,
      ephemeral: true,
    })
    await ensureContainerd(host, place)
  })
  after(async () => {
    await destroyCluster(host, cluster, { roots })
    await rm(folder, { recursive: true, force: true })
  })

  it('are built under all their names, those first from which others start', async () => {
    built = await buildFolder(host, sources, folders(), architecture)
    const names = built.map((image) => image.name)
    for (const name of [
      'library/busybox:1.35',
      'library/nginx:alpine',
      'library/nginx:latest',
      'curlimages/curl:7.86.0',
      'library/alpine:latest',
      'library/ubuntu:latest',
    ]) {
      assert.ok(names.includes(`docker.io/${name}`), name)
    }
    assert.equal(new Set(built.map((image) => image.id)).size, built.length)
  })

  it('are the same when they are built again', async () => {
    const again = await buildFromFile(host, join(sources, 'nginx.yaml'), ['nginx:alpine'], folders(), architecture)
    assert.equal(again[0]?.id, built.find((image) => image.name === 'docker.io/library/nginx:alpine')?.id)
  })

  it('are imported and listed by name', async () => {
    await importImages(
      host,
      place,
      built.map((image) => image.archive),
    )
    const listed = (await listImages(host, place)).map((image) => image.name)
    assert.deepEqual(listed.toSorted(), built.map((image) => image.name).toSorted())
  })

  it('run', async () => {
    const busybox = await runOnce(
      'docker.io/library/busybox:1.35',
      'sh',
      '-c',
      'echo hello from $(id -un); ls -ld /tmp | cut -c1-10',
    )
    assert.deepEqual(busybox, { code: 0, output: 'hello from root\ndrwxrwxrwt' })
    assert.equal(
      (await runOnce('docker.io/library/ubuntu:latest', 'bash', '-c', 'echo ${BASH_VERSION:+bash}')).output,
      'bash',
    )
    assert.equal(
      (await runOnce('docker.io/library/alpine:latest', 'sh', '-c', '. /etc/os-release; echo $ID')).output,
      'alpine',
    )
    assert.match((await runOnce('docker.io/curlimages/curl:7.86.0', 'curl', '--version')).output, /^curl \d/)
  })

  it('serve a page that another container gets', async () => {
    const started = await ctr(...runArguments('docker.io/library/nginx:alpine', ['--detach'], []))
    assert.equal(started.code, 0, started.stderr)
    const got = await runOnce(
      'docker.io/curlimages/curl:7.86.0',
      '/entrypoint.sh',
      '--silent',
      '--retry',
      '20',
      '--retry-connrefused',
      '--retry-delay',
      '1',
      'http://127.0.0.1/',
    )
    assert.match(got.output, /Welcome to nginx!/)
  })

  it('have a sandbox program that ends quietly on TERM', async () => {
    const { bytes } = await buildPauseImage(architecture, pauseImage)
    await importImages(host, place, [await saveImage(host, folders().images, pauseImage, bytes)])
    const started = await host.processes.start(
      place.enter([
        'ctr',
        '--address',
        place.layout.socket,
        '--namespace',
        'k8s.io',
        ...runArguments(pauseImage, ['--rm'], []),
      ]),
    )
    const name = `c${containers - 1}`
    let isOver = false
    const ended = started.exited.finally(() => (isOver = true))
    const isRunning = new RegExp(`${name} +\\d+ +RUNNING`)
    while (!isOver && !isRunning.test((await ctr('tasks', 'list')).stdout)) await systemClock.sleep(20)
    assert.equal(isOver, false)
    // A signal that comes before its first instruction is lost, as it is for the first process of any namespace.
    while (!isOver) {
      await ctr('tasks', 'kill', '--signal', 'SIGTERM', name)
      await Promise.race([ended, systemClock.sleep(1_000)])
    }
    assert.equal(await ended, 0)
  })

  it('come from archives of others, too', async () => {
    const exported = join(folder, 'exported.tar')
    const result = await ctr('images', 'export', exported, 'docker.io/library/busybox:1.35')
    assert.equal(result.code, 0, result.stderr)
    assert.deepEqual(await adoptArchive(host, folders().images, exported, architecture), [
      'docker.io/library/busybox:1.35',
    ])
    assert.deepEqual(await adoptArchive(host, folders().images, exported, architecture, 'mine:1'), [
      'docker.io/library/mine:1',
    ])
  })
})
