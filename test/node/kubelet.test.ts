/** The kubelet on a real containerd: needs root, containerd and the network plugins. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { configMaps } from '#api/core/v1/configMap.ts'
import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import { HttpClient } from '#lib/http/client.ts'
import { SpdySession, type SpdyStream } from '#lib/http/spdy.ts'
import { systemClock } from '#lib/clock.ts'
import { systemFiles } from '#lib/host/files.ts'
import { insidePlace, runInsidePlace, startNode, type NodeFixture } from './kubeletFixture.ts'
import { isDone, isReady as isRunning, namespace, patience, podHelpers, shell } from './podHelpers.ts'

const place = insidePlace()

if (place === undefined) {
  test('the kubelet in a place of its own', { skip: process.getuid?.() === 0 ? false : 'needs root' }, async () => {
    let output = ''
    const file = fileURLToPath(import.meta.url)
    const command = [process.execPath, '--test', '--test-isolation=none', '--test-reporter=spec', file]
    const ended = runInsidePlace('t-kubelet', command, (text) => (output += text))
    const code = await ended.catch((error: unknown) => Promise.reject(new Error(output, { cause: error })))
    assert.equal(code, 0, output)
  })
} else {
  describe('kubelet', () => insideTests())
}

function insideTests(): void {
  let node: NodeFixture
  before(async () => {
    node = await startNode(place!)
  })
  after(async () => {
    await node[Symbol.asyncDispose]()
    assert.deepEqual(node.server.bugs, [])
    assert.deepEqual(node.problems, [])
  })

  const { create, until, untilEvents, remove } = podHelpers(() => node)
  const status = (pod: Pod): ContainerStatus => pod.status!.containerStatuses![0]!
  /** What a container says, when the agent has spoken of it at all. */
  const reported = (pod: Pod): ContainerStatus | undefined => pod.status?.containerStatuses?.[0]

  test('registers a Ready node', async () => {
    const deadline = systemClock.now() + patience
    const isReady = (each: Node): boolean =>
      each.status?.conditions?.some(({ reason }) => reason === 'KubeletReady') === true
    let found = await node.client.get(nodes, { name: 'n1' })
    while (!isReady(found) && systemClock.now() < deadline) {
      await systemClock.sleep(20)
      found = await node.client.get(nodes, { name: 'n1' })
    }
    assert.ok(isReady(found), JSON.stringify(found.status?.conditions))
    assert.match(found.status?.nodeInfo?.containerRuntimeVersion ?? '', /^containerd:\/\/\d/)
  })

  test('runs a pod and removes it', async () => {
    await create('runs', {})
    const pod = await until('runs', 'running', isRunning)
    assert.match(pod.status?.podIP ?? '', /^10\.244\.0\.\d+$/)
    assert.equal(pod.status?.phase, 'Running')
    assert.deepEqual(
      [status(pod).restartCount, status(pod).started, status(pod).image],
      [0, true, 'docker.io/library/busybox:1.35'],
    )
    await remove('runs')
    const signal = AbortSignal.timeout(patience)
    while ((await node.runtime.pods(signal)).length > 0) await systemClock.sleep(10, signal)
    const told = await untilEvents('runs', 'its end', (texts) => texts.some((text) => text.startsWith('Killing: ')))
    assert.deepEqual(told, [
      'Pulled: Container image "busybox:1.35" already present on machine',
      'Created: Created container: c',
      'Started: Started container c',
      'Killing: Stopping container c',
    ])
  })

  test('tells how containers end', async () => {
    const ends: readonly [string, Partial<Pod['spec']>, (pod: Pod) => void | Promise<void>][] = [
      [
        'fails',
        { restartPolicy: 'Never', containers: [shell('echo why > /dev/termination-log; exit 3')] },
        (pod) => {
          assert.equal(pod.status?.phase, 'Failed')
          const { exitCode, reason, message } = status(pod).state!.terminated!
          assert.deepEqual([exitCode, reason, message], [3, 'Error', 'why\n'])
        },
      ],
      [
        'last-words',
        {
          restartPolicy: 'Never',
          containers: [{ ...shell('echo last words; exit 1'), terminationMessagePolicy: 'FallbackToLogsOnError' }],
        },
        (pod) => assert.equal(status(pod).state?.terminated?.message, 'last words\n'),
      ],
      [
        'out-of-memory',
        {
          restartPolicy: 'Never',
          containers: [{ ...shell('head -c 100m /dev/zero | tail'), resources: { limits: { memory: '16Mi' } } }],
        },
        // The runtime may hear of the end before it hears why.
        async (pod) => {
          const isTold = ({ status: told }: Pod): boolean =>
            told?.containerStatuses?.[0]?.state?.terminated?.reason === 'OOMKilled'
          await until(pod.metadata.name!, 'out of memory', isTold)
        },
      ],
      [
        'init-fails',
        { restartPolicy: 'Never', initContainers: [{ ...shell('exit 2'), name: 'i' }] },
        (pod) => {
          assert.equal(pod.status?.phase, 'Failed')
          assert.equal(pod.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 2)
        },
      ],
    ]
    await Promise.all(ends.map(([name, spec]) => create(name, spec)))
    for (const [name, , check] of ends) await check(await until(name, 'done', isDone))
    await Promise.all(ends.map(([name]) => remove(name)))
  })

  test('restarts what fails, and shows its back-off', async () => {
    await create('crashes', { containers: [shell('exit 1')] })
    const pod = await until(
      'crashes',
      'in back-off',
      (each) => reported(each)?.state?.waiting?.reason === 'CrashLoopBackOff',
    )
    assert.equal(
      status(pod).state?.waiting?.message,
      `back-off 10s restarting failed container=c pod=crashes_default(${pod.metadata.uid})`,
    )
    assert.equal(status(pod).restartCount, 1)
    await remove('crashes')
  })

  test('says why a container cannot start', async () => {
    const cases: readonly [string, Partial<Pod['spec']>, string, RegExp][] = [
      ['no-image', { containers: [{ ...shell(''), image: 'no-such-image:1' }] }, 'ErrImagePull', /failed to pull/],
      [
        'bad-name',
        { containers: [{ ...shell(''), image: 'Bad_NAME:1:2' }] },
        'InvalidImageName',
        /repository name must be lowercase/,
      ],
      [
        'never',
        { containers: [{ ...shell(''), image: 'no-such-image:1', imagePullPolicy: 'Never' }] },
        'ErrImageNeverPull',
        /is not present with pull policy of Never/,
      ],
      [
        'no-map',
        { containers: [{ ...shell(''), envFrom: [{ configMapRef: { name: 'nope' } }] }] },
        'CreateContainerConfigError',
        /^configmap "nope" not found$/,
      ],
      ['root', { securityContext: { runAsNonRoot: true } }, 'CreateContainerConfigError', /image will run as root/],
      ['no-command', { containers: [{ ...shell(''), command: ['/no/such'] }] }, 'RunContainerError', /no such file/i],
      [
        'hook',
        { containers: [{ ...shell('sleep 600'), lifecycle: { postStart: { exec: { command: ['false'] } } } }] },
        'PostStartHookError',
        /command 'false' exited with 1/,
      ],
    ]
    await Promise.all(cases.map(([name, spec]) => create(name, spec)))
    // All at the same time: those that are tried again say so between longer and longer pauses.
    const looks = cases.map(async ([name, , reason, message]) => {
      const pod = await until(name, reason, (each) => reported(each)?.state?.waiting?.reason === reason)
      assert.match(status(pod).state?.waiting?.message ?? '', message)
    })
    await Promise.all(looks)
    await node.client.create(configMaps, { metadata: { name: 'nope', namespace }, data: { A: 'b' } })
    await node.client.patch(
      pods,
      { name: 'no-image', namespace },
      { type: 'strategic', body: { spec: { containers: [{ name: 'c', image: 'busybox:1.35' }] } } },
    )
    await Promise.all(cases.map(([name]) => remove(name)))
  })

  test('gives containers files that follow their sources', async () => {
    await node.client.create(configMaps, { metadata: { name: 'files', namespace }, data: { key: 'one' } })
    const script = 'while ! grep -q two /files/key; do sleep 0.1; done; cat /fixed /hostname; env | grep MINE; exit 7'
    await create('files', {
      restartPolicy: 'Never',
      hostname: 'named',
      volumes: [
        { name: 'v', configMap: { name: 'files' } },
        { name: 'd', downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      ],
      containers: [
        {
          ...shell(`cp /etc/hostname /hostname; ${script}`),
          env: [{ name: 'MINE', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          terminationMessagePolicy: 'FallbackToLogsOnError',
          volumeMounts: [
            { name: 'v', mountPath: '/files' },
            { name: 'v', mountPath: '/fixed', subPath: 'key' },
          ],
        },
        {
          ...shell('while ! grep -q new /d/l; do sleep 0.1; done'),
          name: 'd',
          volumeMounts: [{ name: 'd', mountPath: '/d' }],
        },
      ],
    })
    const running = await until('files', 'running', isRunning)
    const at = { name: 'files', namespace }
    await node.client.patch(pods, at, { type: 'merge', body: { metadata: { labels: { is: 'new' } } } })
    await until('files', 'told of its label', (pod) =>
      pod.status!.containerStatuses!.some(({ name, state }) => name === 'd' && state?.terminated !== undefined),
    )
    await node.client.patch(configMaps, at, { type: 'merge', body: { data: { key: 'two' } } })
    const pod = await until('files', 'done', isDone)
    assert.equal(status(pod).state?.terminated?.message, `onenamed\nMINE=${running.status?.podIP}\n`)
    await remove('files')
  })

  test('a volume without its source waits for it', async () => {
    await create('waits', {
      volumes: [{ name: 'v', configMap: { name: 'later' } }],
      containers: [{ ...shell('sleep 600'), volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
    })
    await until('waits', 'waiting', (pod) => reported(pod)?.state?.waiting?.reason === 'ContainerCreating')
    // The status says so before the agent has looked for the source.
    const told = await untilEvents('waits', 'what it waits for', (texts) => texts.length > 0)
    assert.equal(told[0], 'FailedMount: MountVolume.SetUp failed for volume "v" : configmap "later" not found')
    await node.client.create(configMaps, { metadata: { name: 'later', namespace }, data: { key: 'one' } })
    await until('waits', 'running', isRunning)
    await remove('waits')
  })

  test('sidecars start first and end last', async () => {
    const trap = (name: string, before = 'true') =>
      `trap '${before}; echo ${name} >> /log/ends; exit 0' TERM; touch /log/${name}; while true; do sleep 0.1; done`
    const volumeMounts = [{ name: 'log', mountPath: '/log' }]
    const pod = await create('sidecars', {
      // More than a slow machine needs for all of it.
      terminationGracePeriodSeconds: 60,
      volumes: [{ name: 'log', hostPath: { path: `${place!.folder}/order` } }],
      initContainers: [
        {
          ...shell(trap('side')),
          name: 's',
          restartPolicy: 'Always',
          volumeMounts,
          startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
          lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo hook >> /log/ends'] } } },
        },
      ],
      // Ends only once the hook of the sidecar has run.
      containers: [{ ...shell(trap('main', 'while ! grep -q hook /log/ends; do sleep 0.1; done')), volumeMounts }],
    })
    assert.equal(pod.metadata.name, 'sidecars')
    const running = await until('sidecars', 'running', isRunning)
    const started = (each: ContainerStatus | undefined): string => each?.state?.running?.startedAt ?? ''
    assert.ok(started(running.status?.initContainerStatuses?.[0]) <= started(status(running)))
    // Before they listen nothing tells them to end.
    for (const name of ['side', 'main']) {
      while ((await systemFiles.readText(`${place!.folder}/order/${name}`)) === undefined) await systemClock.sleep(10)
    }
    await remove('sidecars')
    assert.equal(await systemFiles.readText(`${place!.folder}/order/ends`), 'hook\nmain\nside\n')
  })

  test('probes gate and restart', async () => {
    const folder = `${place!.folder}/probed`
    await create('probed', {
      volumes: [{ name: 'v', hostPath: { path: folder, type: 'DirectoryOrCreate' } }],
      containers: [
        {
          ...shell('touch /ready; until [ -e /v/unready ]; do sleep 0.1; done; rm /ready; sleep 600'),
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
          readinessProbe: { exec: { command: ['test', '-f', '/ready'] }, periodSeconds: 1, failureThreshold: 1 },
          livenessProbe: {
            exec: { command: ['test', '-f', '/ready'] },
            periodSeconds: 1,
            failureThreshold: 3,
            terminationGracePeriodSeconds: 1,
          },
        },
      ],
    })
    await until('probed', 'ready', isRunning)
    const isUnready = until('probed', 'not ready', (pod) => !isRunning(pod))
    const isRestarted = until('probed', 'restarted', (pod) => reported(pod)?.restartCount === 1)
    await systemFiles.write(`${folder}/unready`, '')
    await Promise.all([isUnready, isRestarted])
    await remove('probed')
    const expected = [
      'Killing: Container c failed liveness probe, will be restarted',
      'Unhealthy: Liveness probe failed: ',
    ]
    await untilEvents('probed', expected.join(' and '), (texts) => expected.every((text) => texts.includes(text)))
  })

  test('a restarted agent finds its containers again', async () => {
    const ask = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } })
    await create('adopted', {
      volumes: [{ name: 'd', downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } }],
      containers: [
        {
          ...shell('sleep 600'),
          resources: ask('100m', '64Mi'),
          volumeMounts: [{ name: 'd', mountPath: '/d' }],
        },
      ],
    })
    await until('adopted', 'running', isRunning)
    // It is given more while it runs.
    const resources = ask('200m', '32Mi')
    const at = { name: 'adopted', namespace }
    await node.client.patchSubresource(pods, at, 'resize', {
      type: 'strategic',
      body: { spec: { containers: [{ name: 'c', resources }] } },
    })
    const isResized = (pod: Pod): boolean => reported(pod)?.resources?.limits?.['cpu'] === '200m'
    const beforeRestart = await until('adopted', 'resized', isResized)
    const { systemCgroups } = await import('#lib/host/cgroup.ts')
    const folder = `${place!.cgroup}/kubepods/pod${beforeRestart.metadata.uid}`
    const inForce = [folder, `${folder}/${status(beforeRestart).containerID!.replace('containerd://', '')}`].map(
      (path) => {
        const { cpuQuotaMicros, memoryLimitBytes } = systemCgroups(systemClock).detail(path)!
        return { cpuQuotaMicros, memoryLimitBytes }
      },
    )
    const expected = { cpuQuotaMicros: 20_000, memoryLimitBytes: 32 * 2 ** 20 }
    assert.deepEqual(inForce, [expected, expected])
    const isCompleted = (text: string): boolean => text.startsWith('ResizeCompleted: ')
    // An agent that ends takes with it what it has not written.
    await untilEvents('adopted', 'its resize', (texts) => texts.some(isCompleted))
    await node.restart()
    await node.client.patch(
      pods,
      { name: 'adopted', namespace },
      { type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
    )
    // Files are written after all that a look at the pod has found to do.
    const labels = `${place!.folder}/root/pods/${beforeRestart.metadata.uid}/volumes/kubernetes.io~downward-api/d/l`
    while ((await systemFiles.readText(labels)) !== 'a="b"') await systemClock.sleep(10)
    const pod = await node.client.get(pods, { name: 'adopted', namespace })
    assert.equal(status(pod).containerID, status(beforeRestart).containerID)
    assert.equal(status(pod).restartCount, 0)
    assert.deepEqual(status(pod).resources, resources)
    await remove('adopted')
    // What was recorded before is written before.
    const texts = await untilEvents('adopted', 'its end', (all) => all.some((text) => text.startsWith('Killing: ')))
    assert.equal(texts.filter(isCompleted).length, 1)
  })

  test('reads logs, of the last run too, and follows them', async () => {
    const folder = `${place!.folder}/talks`
    await create('talks', {
      volumes: [{ name: 'v', hostPath: { path: folder, type: 'DirectoryOrCreate' } }],
      containers: [
        {
          ...shell(
            'echo line 1; until [ -e /v/heard ]; do sleep 0.1; done; echo line 2; sleep 0.2; echo line 3; exit 3',
          ),
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        },
      ],
    })
    await until('talks', 'started', (pod) => reported(pod)?.state?.running !== undefined)
    const isRestarted = until('talks', 'restarted', (pod) => reported(pod)?.restartCount === 1)
    const signal = AbortSignal.timeout(patience)
    const read = async (options: object, heard?: (text: string) => Promise<void>): Promise<string> => {
      let text = ''
      for await (const piece of await node.kubelet.api!.logs(namespace, 'talks', 'c', options, signal)) {
        text += piece
        await heard?.(text)
      }
      return text
    }
    const followed = await read({ follow: true }, () => systemFiles.write(`${folder}/heard`, ''))
    assert.equal(followed, 'line 1\nline 2\nline 3\n')
    await isRestarted
    assert.equal(await read({ previous: true, tailLines: 1 }), 'line 3\n')
    await assert.rejects(async () => node.kubelet.api!.logs(namespace, 'talks', 'x', {}, signal), {
      message: 'container "x" not found in pod "talks"',
    })
    await remove('talks')
  })

  test('gives streams into containers and to their ports', async () => {
    const serve = 'mkdir /w; echo served > /w/index.html; httpd -p 8080 -h /w; sleep 600'
    const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 1 }
    await create('streams', { containers: [{ ...shell(serve), readinessProbe }] })
    await until('streams', 'serving', isRunning)
    const signal = AbortSignal.timeout(patience)
    const api = node.kubelet.api!
    const connect = async (address: string, protocol: string): Promise<SpdySession> => {
      const { origin, pathname } = new URL(address)
      const client = new HttpClient({ url: origin, protocol: 'h1' })
      const headers = { 'x-stream-protocol-version': protocol }
      const answer = await client.upgrade({ method: 'POST', path: pathname, protocol: 'SPDY/3.1', headers, signal })
      if ('refused' in answer) throw new Error(`refused with ${answer.refused.status}`)
      return new SpdySession(answer.socket, { role: 'client' }, answer.head)
    }
    // The runtime resets a stream when it is done with it.
    const readAll = (stream: SpdyStream): Promise<string> =>
      new Promise((resolve) => {
        let text = ''
        stream.on('data', (piece) => (text += String(piece)))
        stream.on('error', () => {})
        stream.once('close', () => resolve(text))
        stream.once('end', () => resolve(text))
      })
    const streams = { stdin: true, stdout: true, stderr: false, tty: false }
    const address = await api.exec(namespace, 'streams', 'c', ['cat'], streams, signal)
    const command = await connect(address, 'v4.channel.k8s.io')
    const [problem, stdin, stdout] = ['error', 'stdin', 'stdout'].map((streamtype) =>
      command.openNow({ streamtype: [streamtype] }),
    )
    // Read from the start: a stream that has been closed meanwhile tells nobody of it again.
    const [said, outcome] = [readAll(stdout!), readAll(problem!)]
    stdin!.end('said and read')
    assert.equal(await said, 'said and read')
    assert.match(await outcome, /"status":"Success"/)
    command.close()
    const ports = await connect(await api.portForward(namespace, 'streams', signal), 'portforward.k8s.io')
    const portProblem = ports.openNow({ streamtype: ['error'], port: ['8080'], requestid: ['0'] })
    const data = ports.openNow({ streamtype: ['data'], port: ['8080'], requestid: ['0'] })
    const served = readAll(data)
    void readAll(portProblem)
    data.write('GET / HTTP/1.0\r\n\r\n')
    assert.match(await served, /\r\n\r\nserved\n$/)
    ports.close()
    await assert.rejects(api.exec(namespace, 'streams', 'x', ['ls'], streams, signal), {
      message: 'container not found ("x")',
    })
    await remove('streams')
  })

  test('refuses what does not fit', async () => {
    await create('too-big', { containers: [{ ...shell(''), resources: { requests: { cpu: '1000' } } }] })
    const pod = await until('too-big', 'refused', isDone)
    assert.equal(pod.status?.reason, 'OutOfcpu')
    assert.match(
      pod.status?.message ?? '',
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000/,
    )
    await remove('too-big')
  })
}
