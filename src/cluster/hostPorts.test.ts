import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { freePort, get, listening, publish, service, until } from '#loadBalancer/hostNames/testCluster.ts'
import { askHostPorts, endUnusedHostPorts, ensureHostPorts, hostPortsFiles } from './hostPorts.ts'

/** What a client hears that speaks TLS, with any certificate. */
async function askByTls(port: number) {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerX509Certificate()!
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  return { subject, answer: (await text(socket)).split('\r\n') }
}

test('clusters bring back the process that was killed, once for all of them, and are served as before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'host-ports-'))
  const roots = { runtime: folder, data: join(folder, 'data') }
  const { socket: path } = hostPortsFiles(roots)
  const web = await listening('web', '127.0.0.2')
  const { port } = web
  const api = await listening('api', '127.0.0.3', port)
  const host = systemHost(systemClock)
  // A process of its own each, as the command line starts it.
  const script = `
    import { runHostPorts } from ${JSON.stringify(import.meta.resolve('#cluster/hostPorts.ts'))}
    import { systemClock } from ${JSON.stringify(import.meta.resolve('#lib/clock.ts'))}
    import { systemHost } from ${JSON.stringify(import.meta.resolve('#lib/host/host.ts'))}
    const { signal } = new AbortController()
    await runHostPorts({ host: systemHost(systemClock), roots: ${JSON.stringify(roots)}, clock: systemClock, signal })
  `
  const program = [process.execPath, '--input-type=module', '--eval', script, '--']
  const ensure = () => ensureHostPorts({ host, roots, program, environment: {} })
  const holders = () =>
    host.processes.list().filter(({ command }) => command.includes(script) && command.includes('hold-host-ports'))
  try {
    await using dev = publish('dev', path, [service('web', '127.0.0.2', port)], ensure)
    await using test = publish('test', path, [service('api', '127.0.0.3', port)], ensure)
    const unused = await freePort()
    // As the first ingress would be reached.
    await using idle = publish('idle', path, [], async () => {}, {
      namespace: 'kube-system',
      service: 'ingress',
      ports: [unused],
      isOffered: () => true,
      isServed: () => false,
      onChange: () => ({ [Symbol.dispose]() {} }),
      synced: async () => {},
    })
    const areServed = async () =>
      (await get(port, 'web.default.dev.localhost')) === '200 web' &&
      (await get(port, 'api.default.test.localhost')) === '200 api'
    const killed = new Set<number>()
    for (let time = 0; time < 2; time++) {
      await until('both clusters are served', areServed)
      // One that came too late ends at once.
      await until('by one process', () => holders().length === 1)
      const { pid } = holders()[0]!
      assert.ok(!killed.has(pid))
      killed.add(pid)
      host.processes.kill(pid, 'SIGKILL')
    }
    await until('both clusters are served again', areServed)
    await until('by one process', () => holders().length === 1)
    await until('nobody is said to serve', async () => (await get(unused, 'localhost')) === '404 <html>\r')
    assert.deepEqual(await askByTls(unused), {
      subject: 'O=Acme Co\nCN=Kubernetes Ingress Controller Fake Certificate',
      answer: [
        'HTTP/1.1 404 Not Found',
        'Content-Type: text/html',
        'Content-Length: 146',
        'Connection: close',
        '',
        '<html>',
        '<head><title>404 Not Found</title></head>',
        '<body>',
        '<center><h1>404 Not Found</h1></center>',
        '<hr><center>nginx</center>',
        '</body>',
        '</html>',
        '',
      ],
    })
    await idle.end()
    await dev.end()
    await until('one has gone', async () => (await askHostPorts(roots))?.clusters.join() === 'test')
    assert.equal(await get(port, 'api.default.test.localhost'), '200 api')
    await test.end()
    // One that was started beside the other may get to its turn only now, on a busy machine.
    await until('none is left', async () => {
      await endUnusedHostPorts(host, roots, 'test')
      return holders().length === 0
    })
    assert.equal(existsSync(folder), false)
  } finally {
    for (const { pid } of holders()) host.processes.kill(pid, 'SIGKILL')
    for (const { server } of [web, api]) server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
