import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import type { Container } from '#api/core/v1/container.ts'
import type { Probe } from '#api/core/v1/probe.ts'
import { SimulatedClock, systemClock } from '#lib/clock.ts'
import type { ProbeKind, ProbeOutcome } from '../plan/planProbes.ts'
import { httpTarget, portNumber, runProbe, type ProbeTarget } from './handlers.ts'
import { Prober } from './prober.ts'

const ok: ProbeOutcome = { result: 'success', output: '' }
const bad: ProbeOutcome = { result: 'failure', output: 'no' }

test('liveness and readiness begin when startup has succeeded', async () => {
  const clock = new SimulatedClock()
  const container: Container = {
    name: 'c',
    startupProbe: { periodSeconds: 1, failureThreshold: 30 },
    readinessProbe: { periodSeconds: 5 },
    livenessProbe: { periodSeconds: 5, failureThreshold: 2 },
  }
  const run = { id: 'c0', container, startedAt: clock.now() }
  const asked: string[] = []
  const notes: string[] = []
  let isUp = false
  const prober = new Prober({
    clock,
    async probe(_run, kind: ProbeKind) {
      asked.push(kind)
      if (kind === 'startup') return isUp ? ok : bad
      return kind === 'liveness' ? bad : ok
    },
    note: (name, reason, message) => void notes.push(`${name} ${reason}: ${message}`),
    changed: () => prober.follow([run], false),
  })
  prober.follow([run], false)
  await clock.advance('2500ms')
  assert.deepEqual(asked, ['startup', 'startup', 'startup'])
  assert.equal(prober.verdicts().size, 0)
  isUp = true
  await clock.advance('1s')
  assert.deepEqual(asked.slice(3), ['startup', 'liveness', 'readiness'])
  assert.deepEqual(prober.verdicts().get('c0'), { startup: 'success', readiness: 'success' })
  await clock.advance('5s')
  assert.deepEqual(prober.verdicts().get('c0'), { startup: 'success', readiness: 'success', liveness: 'failure' })
  assert.equal(notes.at(-1), 'c Unhealthy: Liveness probe failed: no')
  prober.follow([run], true)
  assert.deepEqual(prober.verdicts().get('c0'), { readiness: 'success' })
  prober.stop()
  assert.equal(clock.pending, 0)
})

const server = createServer((request, answer) => {
  const url = new URL(request.url!, 'http://x')
  if (url.pathname === '/moved') answer.writeHead(302, { location: '/ok' }).end()
  else if (url.pathname === '/away') answer.writeHead(302, { location: 'http://elsewhere.invalid/' }).end('bye')
  else if (url.pathname === '/ok') answer.end(`agent ${request.headers['user-agent']}`)
  else if (url.pathname === '/slow') return
  else answer.writeHead(404).end()
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
after(() => {
  server.closeAllConnections()
  server.close()
})

const target: ProbeTarget = {
  container: { name: 'c', ports: [{ name: 'web', containerPort: 8080 }] },
  containerId: 'c0',
  podIP: '127.0.0.1',
  clock: systemClock,
  userAgent: 'kube-probe/1.34',
  runtime: {
    exec: async (_id, command) =>
      command[0] === 'sleep'
        ? { exitCode: -1, stdout: '', stderr: '', timedOut: true }
        : { exitCode: command[0] === 'true' ? 0 : 1, stdout: 'out ', stderr: 'err' },
  },
}
const outcomes: readonly [string, Probe, string][] = [
  ['HTTP success', { httpGet: { path: '/ok', port } }, 'success agent kube-probe/1.34'],
  ['HTTP failure', { httpGet: { path: '/none', port } }, 'failure HTTP probe failed with statuscode: 404'],
  ['a redirect to itself is followed', { httpGet: { path: '/moved', port } }, 'success agent kube-probe/1.34'],
  [
    'a redirect elsewhere is not',
    { httpGet: { path: '/away', port } },
    'warning Probe terminated redirects, Response body: bye',
  ],
  [
    'nobody listens',
    { httpGet: { port: 1 } },
    'failure Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
  ],
  [
    'no answer in time',
    { httpGet: { path: '/slow', port }, timeoutSeconds: 0.05 },
    `failure Get "http://127.0.0.1:${port}/slow": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  ],
  ['TCP success', { tcpSocket: { port } }, 'success '],
  ['TCP failure', { tcpSocket: { port: 1 } }, 'failure dial tcp 127.0.0.1:1: connect: connection refused'],
  ['command success', { exec: { command: ['true'] } }, 'success out err'],
  ['command failure', { exec: { command: ['false'] } }, 'failure out err'],
  [
    'command too slow',
    { exec: { command: ['sleep', '9'] } },
    'failure command timed out: "sleep 9" timed out after 1s',
  ],
  ['unknown port name', { httpGet: { port: 'nope' } }, `unknown couldn't find port "nope" in container "c"`],
]
for (const [name, probe, expected] of outcomes) {
  test(`probe: ${name}`, async () => {
    const { result, output } = await runProbe(probe, target, new AbortController().signal)
    assert.equal(`${result} ${output}`, expected)
  })
}

test('where an HTTP handler asks', () => {
  const { url, headers } = httpTarget(
    {
      port: 'web',
      path: 'x',
      scheme: 'HTTPS',
      httpHeaders: [
        { name: 'accept', value: '' },
        { name: 'X-A', value: 'b' },
      ],
    },
    { ...target, podIP: 'fd00::1' },
    1000,
  )
  assert.equal(url, 'https://[fd00::1]:8080/x')
  assert.deepEqual(headers, { 'User-Agent': 'kube-probe/1.34', Connection: 'close', 'X-A': 'b' })
  assert.equal(portNumber('8081', target.container), 8081)
})
