import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeMounts } from '#lib/host/mount.ts'
import { writeVolumeFiles } from './atomicWriter.ts'
import { typeOf } from './index.ts'
import { resolveSubPath } from './subPath.ts'
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

const mount = (volume: Volume, context: VolumeContext) =>
  typeOf(volume).mount(volume, context, new AbortController().signal)

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
  [{ hostPath: { path: '/file', type: 'Directory' } }, 'hostPath type check failed: /file is not a directory'],
  [{ hostPath: { path: '/none', type: 'File' } }, 'hostPath type check failed: /none is not a file'],
  [{ nfs: { server: 's', path: '/' } }, 'no volume plugin matched: this node cannot mount volumes of type "nfs"'],
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
  await typeOf(volume).unmount!(context)
  assert.deepEqual(context.host.mounts.list(), [])
})

test('an emptyDir belongs to the group of the pod', async () => {
  const context = contextOf(podOf({ securityContext: { fsGroup: 7 } }))
  await mount({ name: 'v', emptyDir: {} }, context)
  const status = await context.host.files.status('/v')
  assert.deepEqual([status?.gid, status?.mode], [7, 0o2777])
})

test('a subPath stays within its volume', async () => {
  const files = fakeFiles({ '/v/dir/file': '', '/v/x': '' })
  await files.link('..data/file', '/v/link')
  await files.link('dir', '/v/..data')
  await files.link('/etc', '/v/out')
  await files.link('../../etc', '/v/up')
  const resolve = (subPath: string) => resolveSubPath(files, '/v', subPath)
  assert.equal(await resolve('dir/file'), '/v/dir/file')
  assert.equal(await resolve('link'), '/v/dir/file')
  assert.equal(await resolve('new/er'), '/v/new/er')
  assert.equal((await files.status('/v/new/er'))?.kind, 'folder')
  await assert.rejects(resolve('out/passwd'), { message: 'subPath "out/passwd" leads out of its volume' })
  await assert.rejects(resolve('up'), { message: 'subPath "up" leads out of its volume' })
  await assert.rejects(resolve('x/y'), /goes through "x", which is not a folder/)
})
