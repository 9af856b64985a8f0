/** Volumes of real pods: needs root, containerd and the network plugins. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { VolumeMount } from '#api/core/v1/container.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { insidePlace, runInsidePlace, startNode, type NodeFixture } from './kubeletFixture.ts'
import { isReady, namespace, patience, podHelpers, shell } from './podHelpers.ts'

const place = insidePlace()

if (place === undefined) {
  test('volumes in a place of their own', { skip: process.getuid?.() === 0 ? false : 'needs root' }, async () => {
    let output = ''
    const file = fileURLToPath(import.meta.url)
    const command = [process.execPath, '--test', '--test-isolation=none', '--test-reporter=spec', file]
    const ended = runInsidePlace('t-volumes', command, (text) => (output += text))
    const code = await ended.catch((error: unknown) => Promise.reject(new Error(output, { cause: error })))
    assert.equal(code, 0, output)
  })
} else {
  describe('volumes', () => insideTests())
}

function insideTests(): void {
  const data = `${place!.folder}/data`
  const podsFolder = `${place!.folder}/root/pods`
  const { mounts } = systemHost(systemClock)
  let node: NodeFixture
  const { create, until, outcome, untilEvents, remove } = podHelpers(() => node)

  before(async () => {
    node = await startNode(place!)
    fs.mkdirSync(data)
  })
  // Nothing of a pod that is gone stays on the node.
  afterEach(async () => {
    const left = (): string[] => [
      ...fs.readdirSync(podsFolder),
      ...mounts.list().flatMap(({ target }) => (target.startsWith(`${podsFolder}/`) ? [target] : [])),
    ]
    await eventually('nothing is left of pods', () => left().length === 0).catch(() => assert.deepEqual(left(), []))
  })
  after(async () => {
    await node[Symbol.asyncDispose]()
    assert.deepEqual(node.server.bugs, [])
    assert.deepEqual(node.problems, [])
  })

  const eventually = async (what: string, isSo: () => boolean): Promise<void> => {
    const deadline = systemClock.now() + patience
    while (!isSo()) {
      if (systemClock.now() > deadline) throw new Error(`not so in time: ${what}`)
      await systemClock.sleep(10)
    }
  }
  const toldOf = (name: string, text: string): Promise<unknown> =>
    untilEvents(name, text, (texts) => texts.includes(text))

  /** A folder of the node as a volume that is bound to a claim of the same name, as the binder would leave them. */
  const bind = async (name: string, spec: Partial<PersistentVolume['spec']> = {}): Promise<string> => {
    const claim = await node.client.create(persistentVolumeClaims, {
      metadata: { name, namespace },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Mi' } },
        volumeName: name,
        storageClassName: '',
      },
    })
    const path = `${data}/${name}`
    await node.client.create(persistentVolumes, {
      metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': 'k8ts.dev/local' } },
      spec: {
        capacity: { storage: '1Mi' },
        accessModes: ['ReadWriteOnce'],
        local: { path },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n1'] }] },
            ],
          },
        },
        claimRef: { kind: 'PersistentVolumeClaim', namespace, name, uid: claim.metadata.uid! },
        ...spec,
      },
    })
    await node.client.patchSubresource(persistentVolumeClaims, { name, namespace }, 'status', {
      type: 'merge',
      body: { status: { phase: 'Bound', accessModes: ['ReadWriteOnce'] } },
    })
    return path
  }
  const withClaim = (name: string, script: string, mount: Partial<VolumeMount> = {}): Partial<Pod['spec']> => ({
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: name } }],
    containers: [{ ...shell(script), volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] }],
  })

  test('data behind a claim outlives container, agent and pod', async () => {
    const path = await bind('kept')
    const script = 'echo $(hostname) >> /v/log; [ $(wc -l < /v/log) -ge 2 ] && exec sleep 600; exit 1'
    await create('first', { ...withClaim('kept', script), restartPolicy: 'OnFailure' })
    const hasRestarted = (pod: Pod): boolean => isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1
    const before = await until('first', 'running again', hasRestarted)
    await node.restart()
    const found = await until('first', 'running after a restart of the agent', isReady)
    assert.deepEqual(found.status?.containerStatuses, before.status?.containerStatuses)
    await remove('first')
    assert.equal(fs.readFileSync(`${path}/log`, 'utf8'), 'first\nfirst\n')
    assert.equal(await outcome('second', withClaim('kept', 'cat /v/log; exit 1')), 'first\nfirst\n')
  })

  test('data stays when a pod is removed while no agent runs, and what is left of the pod goes', async () => {
    const path = await bind('orphaned')
    const { metadata } = await create('orphan', withClaim('orphaned', 'echo row > /v/row; exec sleep 600'))
    await until('orphan', 'running', isReady)
    await eventually('the row is written', () => fs.existsSync(`${path}/row`))
    await node.restart(async () => {
      await node.client.delete(pods, { name: 'orphan', namespace }, { gracePeriodSeconds: 0 })
      assert.ok(fs.existsSync(`${podsFolder}/${metadata.uid}/volumes/kubernetes.io~local-volume/orphaned/row`))
    })
    await eventually('the folder of the pod is gone', () => !fs.existsSync(`${podsFolder}/${metadata.uid}`))
    assert.deepEqual(fs.readdirSync(path), ['row'])
  })

  test('a pod waits for its claim to be bound, and says so', async () => {
    await node.client.create(persistentVolumeClaims, {
      metadata: { name: 'unbound', namespace },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } }, storageClassName: '' },
    })
    await create('waits', withClaim('unbound', 'sleep 600'))
    const text =
      'FailedMount: Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC default/unbound: PVC is not bound'
    await toldOf('waits', text)
    await remove('waits')
  })

  test('a claim that is used for reading cannot be written to', async () => {
    const path = await bind('read')
    fs.mkdirSync(path)
    fs.writeFileSync(`${path}/row`, 'row')
    const spec = withClaim('read', 'exec 2>&1; cat /v/row; touch /v/other; exit 1')
    const readOnly = { ...spec, volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'read', readOnly: true } }] }
    assert.equal(await outcome('reads', readOnly), 'rowtouch: /v/other: Read-only file system\n')
  })

  test('files behind a claim belong to the group of the pod, and so do new ones', async () => {
    const path = await bind('grouped')
    fs.mkdirSync(`${path}/inner`, { recursive: true, mode: 0o700 })
    fs.writeFileSync(`${path}/inner/row`, 'row', { mode: 0o600 })
    const script =
      'id -G; echo more >> /v/inner/row; touch /v/inner/new; stat -c "%a %u %g" /v /v/inner /v/inner/*; exit 1'
    const spec = { ...withClaim('grouped', script), securityContext: { runAsUser: 1000, fsGroup: 2000 } }
    assert.equal(await outcome('grouped', spec), '0 2000\n2770 0 2000\n2770 0 2000\n644 1000 2000\n660 0 2000\n')
    fs.chownSync(`${path}/inner/row`, 0, 0)
    const lazy = {
      ...spec,
      securityContext: { ...spec.securityContext, fsGroupChangePolicy: 'OnRootMismatch' as const },
    }
    assert.match(await outcome('lazy', lazy), /660 0 0\n$/)
  })

  test('parts of volumes', async () => {
    const path = await bind('parts')
    fs.mkdirSync(path)
    fs.writeFileSync(`${path}/file`, 'whole')
    const script = 'echo row > /a/row; cat /b; echo; ls /c; exit 1'
    const spec: Partial<Pod['spec']> = {
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'parts' } }],
      containers: [
        {
          ...shell(script),
          env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
          volumeMounts: [
            { name: 'v', mountPath: '/a', subPathExpr: 'of/$(POD)' },
            { name: 'v', mountPath: '/b', subPath: 'file' },
            { name: 'v', mountPath: '/c', subPath: 'of', readOnly: true },
          ],
        },
      ],
    }
    assert.equal(await outcome('part', spec), 'whole\npart\n')
    assert.equal(fs.readFileSync(`${path}/of/part/row`, 'utf8'), 'row\n')
  })

  test('a part that leads out of its volume is refused', async () => {
    const path = await bind('escape')
    fs.mkdirSync(path)
    fs.symlinkSync('/etc', `${path}/etc`)
    await create('escape', withClaim('escape', 'sleep 600', { subPath: 'etc' }))
    const failed = await until(
      'escape',
      'refused',
      (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    )
    const message = 'failed to prepare subPath for volumeMount "v" of container "c"'
    assert.equal(failed.status?.containerStatuses?.[0]?.state?.waiting?.message, message)
    await remove('escape')
    // The cause is for the node alone.
    assert.match(node.problems.splice(0).join('\n'), /leads out of/)
  })

  test('mounts in a shared folder reach those who asked for them', async () => {
    const shared = `${data}/shared`
    fs.mkdirSync(`${shared}/on-node`, { recursive: true })
    fs.mkdirSync(`${shared}/in-pod`)
    const volumes = [{ name: 'v', hostPath: { path: shared } }]
    const reader = (propagation: VolumeMount['mountPropagation']) => ({
      volumes,
      containers: [
        {
          ...shell('until [ -e /v/told ]; do sleep 0.05; done; ls /v/on-node /v/in-pod; exit 1'),
          terminationMessagePolicy: 'FallbackToLogsOnError' as const,
          volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: propagation! }],
        },
      ],
      restartPolicy: 'Never' as const,
    })
    await create('none', reader('None'))
    await create('follows', reader('HostToContainer'))
    await create('both', {
      volumes,
      containers: [
        {
          ...shell(
            'until [ -e /v/go ]; do sleep 0.05; done; mount -t tmpfs tmpfs /v/in-pod; touch /v/in-pod/pod; exec sleep 600',
          ),
          securityContext: { privileged: true },
          volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'Bidirectional' }],
        },
      ],
    })
    for (const name of ['none', 'follows', 'both']) await until(name, 'running', isReady)
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', `${shared}/on-node`])
    fs.writeFileSync(`${shared}/on-node/node`, '')
    fs.writeFileSync(`${shared}/go`, '')
    await eventually('the mount of the pod is seen', () => fs.existsSync(`${shared}/in-pod/pod`))
    fs.writeFileSync(`${shared}/told`, '')
    const said = async (name: string): Promise<string | undefined> => {
      const pod = await until(name, 'done', ({ status }) => status?.phase === 'Failed')
      return pod.status?.containerStatuses?.[0]?.state?.terminated?.message
    }
    assert.equal(await said('none'), '/v/in-pod:\n\n/v/on-node:\n')
    assert.equal(await said('follows'), '/v/in-pod:\npod\n\n/v/on-node:\nnode\n')
    for (const name of ['none', 'follows', 'both']) await remove(name)
    assert.deepEqual(fs.readdirSync(`${shared}/on-node`), ['node'])
    await mounts.unmountBelow(shared)
  })

  test('what a container mounted into an emptyDir is not emptied with it', async () => {
    const path = await bind('inside')
    fs.mkdirSync(path)
    fs.writeFileSync(`${path}/row`, 'row')
    const spec: Partial<Pod['spec']> = {
      volumes: [
        { name: 'v', persistentVolumeClaim: { claimName: 'inside' } },
        { name: 'e', emptyDir: {} },
      ],
      containers: [
        {
          ...shell('mkdir /e/in; mount --bind /v /e/in; touch /e/done; exec sleep 600'),
          securityContext: { privileged: true },
          volumeMounts: [
            { name: 'v', mountPath: '/v' },
            { name: 'e', mountPath: '/e', mountPropagation: 'Bidirectional' },
          ],
        },
      ],
    }
    const { metadata } = await create('inside', spec)
    await until('inside', 'running', isReady)
    const inner = `${podsFolder}/${metadata.uid}/volumes/kubernetes.io~empty-dir/e`
    await eventually('the container has mounted', () => fs.existsSync(`${inner}/done`))
    assert.deepEqual(fs.readdirSync(`${inner}/in`), ['row'])
    await remove('inside')
    assert.deepEqual(fs.readdirSync(path), ['row'])
  })

  test('a small volume in memory gets full', async () => {
    const spec: Partial<Pod['spec']> = {
      volumes: [{ name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '64Ki' } }],
      containers: [
        {
          ...shell('dd if=/dev/zero of=/v/file bs=1k count=100 2>&1 | head -1; stat -c %s /v/file; exit 1'),
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        },
      ],
    }
    assert.equal(await outcome('full', spec), "dd: error writing '/v/file': No space left on device\n65536\n")
  })

  test('a claim for one pod alone is not given to another', async () => {
    await bind('alone', { accessModes: ['ReadWriteOncePod'] })
    await create('has', withClaim('alone', 'sleep 600'))
    await until('has', 'running', isReady)
    await create('wants', withClaim('alone', 'sleep 600'))
    const text =
      'FailedMount: MountVolume.SetUp failed for volume "alone" : volume uses the ReadWriteOncePod access mode and is already in use by another pod'
    await toldOf('wants', text)
    await remove('has')
    await until('wants', 'running', isReady)
    await remove('wants')
  })
}
