import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles, systemFiles } from '#lib/host/files.ts'
import { fakeMounts } from '#lib/host/mount.ts'
import { CommandError } from '#lib/host/process.ts'
import { writeVolumeFiles } from './atomicWriter.ts'
import { typeOf } from './index.ts'
import { removeVolumes } from './removal.ts'
import type { VolumeSource } from '../plan/planClaims.ts'
import type { VolumeContext } from './volumeType.ts'

const file = (text: string, mode = 0o644) => ({ data: Buffer.from(text), mode })
const now = Date.UTC(2026, 0, 1, 12)

test('files of a volume change all at once', async () => {
  const files = fakeFiles()
  const write = (payload: Record<string, string>, at: number): Promise<boolean> => {
    const entries = Object.entries(payload).map(([path, text]) => [path, file(text)] as const)
    return writeVolumeFiles(files, '/v', new Map(entries), {}, at)
  }
  assert.equal(await write({ a: '1', 'dir/b': '2' }, now), true)
  assert.deepEqual(await files.list('/v'), ['..2026_01_01_12_00_00.0', '..data', 'a', 'dir'])
  assert.equal(await files.readLink('/v/a'), '..data/a')
  assert.equal(await files.readLink('/v/..data'), '..2026_01_01_12_00_00.0')
  assert.equal(await write({ a: '1', 'dir/b': '2' }, now + 1), false)
  assert.equal(await write({ a: '3', c: '4' }, now + 1), true)
  assert.deepEqual(await files.list('/v'), ['..2026_01_01_12_00_00.1', '..data', 'a', 'c'])
  assert.equal(await files.readText('/v/..2026_01_01_12_00_00.1/a'), '3')
})

const podOf = (spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { b: '2', a: '1' } },
  spec: { containers: [{ name: 'c', resources: { limits: { memory: '64Mi' } } }], serviceAccountName: 'sa', ...spec },
})

function contextOf(pod: Pod = podOf(), initial: Record<string, string> = {}) {
  const context: VolumeContext = {
    pod,
    folder: '/v',
    host: { files: fakeFiles(initial), mounts: fakeMounts(), clock: new SimulatedClock(now) },
    objects: {
      configMap: (name) =>
        name === 'cm'
          ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { k: 'v' }, binaryData: { bin: 'AAE=' } }
          : undefined,
      secret: (name) =>
        name === 's' ? { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: { k: 'dg==' } } : undefined,
    },
    facts: { podIPs: ['10.1.0.2'], hostIPs: ['10.0.0.1'], allocatable: {} },
    readOnly: false,
    note: () => {},
    report: () => {},
    issueToken: async (audience, seconds) => ({ token: `for ${audience ?? 'api'}`, expiresAt: now + seconds * 1000 }),
  }
  return context
}

/** Every file that containers see, by its path. */
async function contentOf({ host: { files }, folder }: VolumeContext): Promise<Record<string, string>> {
  const data = `${folder}/${await files.readLink(`${folder}/..data`)}`
  const content: Record<string, string> = {}
  for (const name of await files.list(data)) content[name] = (await files.readText(`${data}/${name}`)) ?? ''
  return content
}

const mount = (volume: VolumeSource, context: VolumeContext) =>
  typeOf(volume)!.mount(volume, context, new AbortController().signal)

const contents: readonly [string, Omit<Volume, 'name'>, Record<string, string>][] = [
  ['configMap', { configMap: { name: 'cm' } }, { k: 'v', bin: '\0\x01' }],
  ['configMap with items', { configMap: { name: 'cm', items: [{ key: 'k', path: 'renamed' }] } }, { renamed: 'v' }],
  ['configMap that may be missing', { configMap: { name: 'none', optional: true } }, {}],
  ['secret', { secret: { secretName: 's' } }, { k: 'v' }],
  [
    'downwardAPI',
    {
      downwardAPI: {
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'memory', resourceFieldRef: { containerName: 'c', resource: 'limits.memory', divisor: '1Mi' } },
        ],
      },
    },
    { labels: 'a="1"\nb="2"', memory: '64' },
  ],
  [
    'projected',
    {
      projected: {
        sources: [
          { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
          { configMap: { name: 'cm', items: [{ key: 'k', path: 'ca.crt' }] } },
          { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
        ],
      },
    },
    { token: 'for api', 'ca.crt': 'v', namespace: 'ns' },
  ],
]
for (const [name, volume, expected] of contents) {
  test(`content of ${name}`, async () => {
    const context = contextOf()
    const mounted = await mount({ name: 'v', ...volume }, context)
    assert.deepEqual(await contentOf(context), expected)
    assert.equal(mounted.isLive, true)
  })
}

const problems: readonly [Omit<Volume, 'name'>, string][] = [
  [{ configMap: { name: 'none' } }, 'configmap "none" not found'],
  [{ secret: { secretName: 'none' } }, 'secret "none" not found'],
  [{ configMap: { name: 'cm', items: [{ key: 'x', path: 'y' }] } }, 'configmap references non-existent config key: x'],
  [{ secret: { secretName: 's', items: [{ key: 'x', path: 'y' }] } }, 'references non-existent secret key: x'],
  [
    { configMap: { name: 'cm', items: [{ key: 'k', path: '../y' }] } },
    "invalid path: must be relative and not contain '..': ../y",
  ],
  [
    { gitRepo: { repository: 'https://example.com/x' } },
    'git-repo volume plugin has been disabled; if necessary, it may be re-enabled by enabling the feature-gate `GitRepoVolumeDriver`',
  ],
  [{ hostPath: { path: '/file', type: 'Directory' } }, 'hostPath type check failed: /file is not a directory'],
  [{ hostPath: { path: '/none', type: 'File' } }, 'hostPath type check failed: /none is not a file'],
]
for (const [volume, message] of problems) {
  test(`mount is refused: ${message}`, async () => {
    const context = contextOf(podOf(), { '/file': '' })
    await assert.rejects(async () => mount({ name: 'v', ...volume }, context), { message })
  })
}

test('a token is renewed after four fifths of its time', async () => {
  const volume: Volume = {
    name: 'v',
    projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 1000 } }] },
  }
  assert.equal((await mount(volume, contextOf())).refreshAt, now + 800_000)
})

test('an emptyDir in memory is a tmpfs, made once', async () => {
  const context = contextOf()
  const volume: Volume = { name: 'v', emptyDir: { medium: 'Memory' } }
  await mount(volume, context)
  await mount(volume, context)
  assert.deepEqual(
    context.host.mounts.list().map(({ target, type }) => [target, type]),
    [['/v', 'tmpfs']],
  )
})

for (const [what, sizeLimit, memory, expected] of [
  ['its own limit', '32Mi', '1Gi', 32 * 2 ** 20],
  ['the limit of its pod', '128Mi', '1Gi', 64 * 2 ** 20],
  ['the limit of its pod, without its own', undefined, '1Gi', 64 * 2 ** 20],
  ['what its node offers', undefined, '16Mi', 16 * 2 ** 20],
] as const) {
  test(`an emptyDir in memory is as large as ${what}`, async () => {
    const context = contextOf()
    const sizes: unknown[] = []
    const mounts = {
      ...context.host.mounts,
      mountTmpfs: async (...[, options]: Parameters<typeof context.host.mounts.mountTmpfs>) =>
        void sizes.push(options?.sizeBytes),
    }
    const emptyDir = { medium: 'Memory', ...(sizeLimit === undefined ? {} : { sizeLimit }) } as const
    const facts = { ...context.facts, allocatable: { memory } }
    await mount({ name: 'v', emptyDir }, { ...context, facts, host: { ...context.host, mounts } })
    assert.deepEqual(sizes, [expected])
  })
}

test('an emptyDir belongs to the group of the pod', async () => {
  const context = contextOf(podOf({ securityContext: { fsGroup: 7 } }))
  await mount({ name: 'v', emptyDir: {} }, context)
  const status = await context.host.files.status('/v')
  assert.deepEqual([status?.gid, status?.mode], [7, 0o2777])
})

const persistent = (spec: PersistentVolume['spec'], annotations: Record<string, string> = {}): VolumeContext => {
  const volume: PersistentVolume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'pv', annotations },
    spec,
  }
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c', namespace: 'ns', uid: 'claim' },
    spec: {},
  } as const
  const folder = '/k/pods/u/volumes/kubernetes.io~local-volume/pv'
  return { ...contextOf(podOf({ securityContext: { fsGroup: 7 } })), folder, claimed: { claim, volume } }
}

const ours = { 'pv.kubernetes.io/provisioned-by': 'k8ts.dev/local' }

test('a local volume is shown in the folder of the pod, and belongs to its group', async () => {
  const context = persistent({ local: { path: '/data/x' } }, ours)
  const source = { name: 'pv', local: { path: '/data/x' } }
  assert.deepEqual(await mount(source, context), { path: context.folder, readOnly: false, isLive: false })
  await mount(source, context)
  assert.deepEqual(
    context.host.mounts.list().map(({ target, root, options }) => [target, root, options]),
    [[context.folder, '/data/x', ['rw']]],
  )
  assert.equal((await context.host.files.status('/data/x'))?.mode, 0o777)
  assert.equal((await context.host.files.status(context.folder))?.gid, 7)
})

test('a local volume is mounted with the options of its PersistentVolume, for reading when the claim says so', async () => {
  const context = persistent({ local: { path: '/data/x' }, mountOptions: ['noexec'] }, ours)
  await mount({ name: 'pv', local: { path: '/data/x' } }, { ...context, readOnly: true })
  assert.deepEqual(context.host.mounts.list()[0]?.options, ['ro', 'noexec'])
  assert.equal((await context.host.files.status(context.folder))?.gid, 0)
})

test('a local volume that another pod has keeps its group, and the pod is told', async () => {
  const told: string[] = []
  const context = {
    ...persistent({ local: { path: '/data/x' } }, ours),
    note: (type: string, reason: string, message: string) => void told.push(`${type} ${reason} ${message}`),
  }
  await context.host.mounts.bind('/data/x', '/k/pods/other/volumes/kubernetes.io~local-volume/pv')
  await mount({ name: 'pv', local: { path: '/data/x' } }, context)
  assert.equal((await context.host.files.status(context.folder))?.gid, 0)
  assert.deepEqual(told, [
    'Warning AlreadyMountedVolume The requested fsGroup is 7, but the volume pv has GID 0. The volume may not be shareable.',
  ])
})

test('a local volume of somebody else must be there', async () => {
  const context = persistent({ local: { path: '/data/x' } })
  await assert.rejects(mount({ name: 'pv', local: { path: '/data/x' } }, context), {
    step: 'MountVolume.NewMounter initialization',
    message: 'path "/data/x" does not exist',
  })
  await context.host.files.makeFolder('/data')
  await context.host.files.write('/data/x', '')
  await assert.rejects(mount({ name: 'pv', local: { path: '/data/x' } }, context), {
    step: 'MountVolume.NewMounter initialization',
    message: 'only directory and block device are supported',
  })
})

test('a mount of NFS that fails says so as mount(8) does, and what is to be installed', async () => {
  const context = { ...contextOf(), folder: '/k/pods/u/volumes/kubernetes.io~nfs/pv' }
  const output =
    'mount: /f: bad option; for several filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper program.\n'
  const failing = async (): Promise<void> => {
    throw new CommandError(['mount'], output, { code: 32, stdout: '', stderr: output })
  }
  const host = { ...context.host, mounts: { ...context.host.mounts, mount: failing } }
  await assert.rejects(mount({ name: 'pv', nfs: { server: 'fd00::1', path: '/e' } }, { ...context, host }), {
    message: `mount failed: exit status 32
Mounting command: mount
Mounting arguments: -t nfs [fd00::1]:/e /k/pods/u/volumes/kubernetes.io~nfs/pv
Output: ${output}This node has no program to mount NFS (/sbin/mount.nfs): install the package "nfs-common" (Debian, Ubuntu) or "nfs-utils" (others) on it.
`,
  })
  assert.equal(await context.host.files.status(context.folder), undefined)
  const withHelper = { ...host, files: fakeFiles({ '/usr/sbin/mount.nfs': '' }) }
  await assert.rejects(
    mount({ name: 'pv', nfs: { server: 's', path: '/e' } }, { ...context, host: withHelper }),
    /program\.\n$/,
  )
  await mount({ name: 'pv', nfs: { server: 's', path: '/e', readOnly: true } }, context)
  assert.deepEqual(
    context.host.mounts.list().map(({ source, options }) => [source, options]),
    [['s:/e', ['ro']]],
  )
})

const pod = '/k/pods/u'
const kept = `${pod}/volumes/kubernetes.io~local-volume/pv`

test('removing the volumes of a pod leaves what is kept elsewhere', async () => {
  const files = fakeFiles({ [`${pod}/volumes/kubernetes.io~empty-dir/v/file`]: 'x', [`${pod}/etc-hosts`]: '' })
  const mounts = fakeMounts()
  await files.makeFolder(kept)
  await mounts.bind('/data/x', kept)
  await files.makeFolder(`${pod}/volume-subpaths/v/c`)
  await files.write(`${pod}/volume-subpaths/v/c/0`, '')
  await mounts.bind('/proc/1/fd/3', `${pod}/volume-subpaths/v/c/0`)
  await removeVolumes({ files, mounts }, pod, '/k')
  assert.deepEqual(mounts.list(), [])
  assert.deepEqual(await files.list(pod), ['etc-hosts'])
})

const keepers: readonly [string, Record<string, string>, string][] = [
  ['a mount point with something in it', { [`${kept}/rows`]: 'data' }, kept],
  ['a folder of no known type', { [`${pod}/volumes/other~disk/pv/rows`]: 'data' }, `${pod}/volumes/other~disk/pv`],
  ['a part of a volume', { [`${pod}/volume-subpaths/v/c/0/rows`]: 'data' }, `${pod}/volume-subpaths/v/c/0`],
]
for (const [name, initial, folder] of keepers) {
  test(`${name} is not removed`, async () => {
    const files = fakeFiles(initial)
    await assert.rejects(removeVolumes({ files, mounts: fakeMounts() }, pod, '/k'), {
      message: `Cannot remove "${folder}": something is in it that may be a volume's data`,
    })
    for (const [path, text] of Object.entries(initial)) assert.equal(await files.readText(path), text)
  })
}

test('a folder in which something stays mounted is not removed', async () => {
  const files = fakeFiles({ [`${pod}/volumes/kubernetes.io~empty-dir/v/inner/rows`]: 'data' })
  const mounts = fakeMounts()
  await mounts.bind('/data/x', `${pod}/volumes/kubernetes.io~empty-dir/v/inner`)
  const stuck = { ...mounts, unmountBelow: async () => {} }
  await assert.rejects(removeVolumes({ files, mounts: stuck }, pod, '/k'), /is still mounted$/)
  assert.equal(await files.readText(`${pod}/volumes/kubernetes.io~empty-dir/v/inner/rows`), 'data')
})

test('a folder that is reached by a link is not taken for a pod', async () => {
  const files = fakeFiles({ '/data/volumes/kubernetes.io~empty-dir/v/rows': 'data' })
  await files.makeFolder('/k/pods')
  await files.link('/data', pod)
  await assert.rejects(removeVolumes({ files, mounts: fakeMounts() }, pod, '/k'), /it is not what "\/k" has/)
})

test('files for the group of a pod can be read by it, and folders give it what is made in them', async () => {
  const context = contextOf(podOf({ securityContext: { fsGroup: 7 } }))
  await mount({ name: 'v', configMap: { name: 'cm', defaultMode: 0o400 } }, context)
  const { files } = context.host
  const data = `/v/${await files.readLink('/v/..data')}`
  const shown = async (path: string): Promise<unknown> => {
    const { mode, gid } = (await files.status(path))!
    return [mode, gid]
  }
  assert.deepEqual(
    [await shown('/v'), await shown(data), await shown(`${data}/k`)],
    [
      [0o2755, 7],
      [0o2755, 7],
      [0o440, 7],
    ],
  )
})

test('files are written beside links that lead elsewhere, and old links go without what they lead to', async () => {
  const root = await fs.realpath(await fs.mkdtemp(join(tmpdir(), 'writer-')))
  try {
    const volume = `${root}/volume`
    await fs.mkdir(`${root}/node`)
    await fs.writeFile(`${root}/node/secret`, 'kept')
    await fs.mkdir(volume)
    // As a container would have to leave them to reach the node's files (CVE-2017-1002102).
    for (const name of ['stale', '..2020_01_01', '..data_tmp']) await fs.symlink(`${root}/node`, `${volume}/${name}`)
    await fs.symlink('../node', `${volume}/..data`)
    await writeVolumeFiles(systemFiles, volume, new Map([['k', file('v')]]), {}, now)
    assert.equal(await fs.readFile(`${volume}/k`, 'utf8'), 'v')
    assert.deepEqual((await fs.readdir(volume)).toSorted(), ['..2026_01_01_12_00_00.0', '..data', 'k'])
    assert.deepEqual(await fs.readdir(`${root}/node`), ['secret'])
  } finally {
    await fs.rm(root, { recursive: true })
  }
})
