import assert from 'node:assert/strict'
import { mkdtemp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { systemFiles } from '#lib/host/files.ts'
import type { Mount, Mounts } from '#lib/host/mount.ts'
import { directoryRemoved, nodeAnnotation } from '#machinery/localVolumes.ts'
import { provisionedBy } from '#machinery/volumeBinding.ts'
import { planRemoval } from './plan.ts'
import { hostDirectories } from './remover.ts'

interface Sketch {
  readonly path?: string
  readonly annotations?: Record<string, string>
  readonly policy?: 'Delete' | 'Retain'
  readonly status?: PersistentVolume['status']
}

function volume({ path = '/volumes/pvc-1', annotations, policy = 'Delete', status }: Sketch): PersistentVolume {
  const ours = { [provisionedBy]: 'k8ts.dev/local', [nodeAnnotation]: 'n1' }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'pvc-1', annotations: { ...ours, ...annotations } },
    spec: { local: { path }, persistentVolumeReclaimPolicy: policy },
    status: status ?? { phase: 'Released' },
  }
}

const rows: readonly (Sketch & { readonly name: string; readonly plan: string })[] = [
  { name: 'released', plan: 'remove' },
  { name: 'bound', status: { phase: 'Bound' }, plan: 'nothing' },
  { name: 'kept', policy: 'Retain', plan: 'nothing' },
  { name: 'removed before', status: { phase: 'Released', reason: directoryRemoved }, plan: 'nothing' },
  { name: 'tried before', status: { phase: 'Released', reason: 'RemovalFailed' }, plan: 'remove' },
  { name: 'of another node', annotations: { [nodeAnnotation]: 'n2' }, plan: 'nothing' },
  { name: 'of another provisioner', annotations: { [provisionedBy]: 'x' }, plan: 'nothing' },
  { name: 'elsewhere', path: '/etc', plan: 'refuse' },
  { name: 'above', path: '/volumes', plan: 'refuse' },
  { name: 'beside', path: '/volumes/pvc-1/../pvc-2', plan: 'refuse' },
]

for (const row of rows) {
  test(`the directory of a volume: ${row.name}`, () => {
    assert.equal(planRemoval(volume(row), 'n1', '/volumes').do, row.plan)
  })
}

function mountsOf(targets: readonly string[], stays = false): Mounts {
  let list = targets.map((target) => ({ target }) as Mount)
  return {
    list: () => list,
    unmountBelow: async (path: string) => {
      if (!stays) list = list.filter(({ target }) => target !== path && !target.startsWith(`${path}/`))
    },
  } as unknown as Mounts
}

test('a directory is removed with all that is in it, but not through links and mounts', async () => {
  const root = await mkdtemp(`${tmpdir()}/k8ts-local-`)
  try {
    const path = `${root}/volumes/pvc-1`
    await mkdir(`${path}/below`, { recursive: true })
    await mkdir(`${root}/elsewhere`)
    await writeFile(`${root}/elsewhere/kept`, '')
    await writeFile(`${path}/below/file`, '')
    await symlink(`${root}/elsewhere`, `${path}/link`)
    const directories = (mounts: Mounts) => hostDirectories({ files: systemFiles, mounts }, `${root}/volumes`)
    const used = mountsOf(['/kubelet/pods/u/volumes/kubernetes.io~local-volume/pvc-1'])
    await assert.rejects(directories(used).remove(path), /still mounted at .*local-volume/)
    await assert.rejects(directories(mountsOf([`${path}/below`], true)).remove(path), /something is still mounted/)
    assert.deepEqual(await readdir(path), ['below', 'link'])
    await directories(mountsOf([`${path}/below`])).remove(path)
    await directories(mountsOf([])).remove(path)
    assert.deepEqual(await readdir(`${root}/volumes`), [])
    assert.deepEqual(await readdir(`${root}/elsewhere`), ['kept'])
  } finally {
    await rm(root, { recursive: true })
  }
})
