// The official JavaScript client (@kubernetes/client-node) runs commands, attaches, forwards ports, copies files and reads
// logs. The kubelet behind the server runs processes of this machine.
import {
  ApiException,
  Attach,
  CoreV1Api,
  Cp,
  Exec,
  Log,
  PortForward,
  type KubeConfig,
  type V1Status,
} from '@kubernetes/client-node'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { startForClientNode, type ClientNodeFixture } from './clientNodeFixture.ts'
import { startProcessKubelet, type ProcessKubelet } from './processKubelet.ts'

interface Started extends AsyncDisposable {
  readonly config: KubeConfig
  readonly folder: string
  readonly kubelet: ProcessKubelet
  readonly fixture: ClientNodeFixture
}

/** A pod `p` with the container `c` on a node. */
async function startPod(): Promise<Started> {
  const stack = new AsyncDisposableStack()
  const kubelet = stack.use(await startProcessKubelet())
  const fixture = stack.use(await startForClientNode({ nodes: kubelet.connector }))
  const config = fixture.config()
  const core = config.makeApiClient(CoreV1Api)
  await core.createNamespacedPod({
    namespace: 'default',
    body: { metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'x' }] } },
  })
  const { folder } = fixture
  return { config, folder, kubelet, fixture, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** Takes what is written; `text` resolves at its end. */
class Sink extends Writable {
  readonly #pieces: Buffer[] = []
  readonly text: Promise<string>

  constructor() {
    super()
    this.text = once(this, 'finish').then(() => Buffer.concat(this.#pieces).toString())
  }

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.#pieces.push(piece)
    this.emit('wrote', Buffer.concat(this.#pieces).toString())
    done()
  }

  /** Resolves when everything that was written until now ends so. */
  async until(end: string): Promise<void> {
    while (!Buffer.concat(this.#pieces).toString().endsWith(end)) await once(this, 'wrote')
  }
}

async function run(
  config: KubeConfig,
  command: string[],
  input: string | null = null,
): Promise<{ readonly stdout: string; readonly stderr: string; readonly status: V1Status }> {
  const [stdout, stderr] = [new Sink(), new Sink()]
  const { promise, resolve } = Promise.withResolvers<V1Status>()
  const stdin = input === null ? null : Readable.from([Buffer.from(input)])
  await new Exec(config).exec('default', 'p', 'c', command, stdout, stderr, stdin, false, resolve)
  const status = await promise
  return { stdout: await stdout.text, stderr: await stderr.text, status }
}

test('commands run, with input, output and exit code', async () => {
  await using started = await startPod()
  const { config } = started
  const plain = await run(config, ['sh', '-c', 'echo out; echo err >&2'])
  assert.deepEqual([plain.stdout, plain.stderr, plain.status.status], ['out\n', 'err\n', 'Success'])
  const sorted = await run(config, ['sort'], 'b\na\n')
  assert.equal(sorted.stdout, 'a\nb\n')
  const failed = await run(config, ['sh', '-c', 'exit 7'])
  assert.deepEqual(
    [failed.status.reason, failed.status.details?.causes],
    ['NonZeroExitCode', [{ reason: 'ExitCode', message: '7' }]],
  )
  const large = await run(config, ['cat'], 'x'.repeat(3_000_000))
  assert.equal(large.stdout.length, 3_000_000)
})

test('a terminal tells how large it is', async () => {
  await using started = await startPod()
  const { config, kubelet } = started
  const terminal = Object.assign(new Sink(), { rows: 24, columns: 80 })
  const { promise, resolve } = Promise.withResolvers<V1Status>()
  const input = new PassThrough()
  await new Exec(config).exec('default', 'p', 'c', ['cat'], terminal, null, input, true, resolve)
  input.write('hello\n')
  await terminal.until('hello\n')
  Object.assign(terminal, { rows: 50 })
  terminal.emit('resize')
  input.write('again\n')
  await terminal.until('again\n')
  input.end()
  assert.equal((await promise).status, 'Success')
  assert.deepEqual(
    kubelet.sizes.map((size) => JSON.parse(size) as unknown),
    [
      { height: 24, width: 80 },
      { height: 50, width: 80 },
    ],
  )
})

test('clients attach to what runs already', async () => {
  await using started = await startPod()
  const [stdout, stderr] = [new Sink(), new Sink()]
  const input = new PassThrough()
  await new Attach(started.config).attach('default', 'p', 'c', stdout, stderr, input, false)
  input.write('hello\n')
  await stdout.until('HELLO\n')
  input.end('more\n')
  assert.deepEqual([await stdout.text, await stderr.text], ['HELLO\nMORE\n', 'bye\n'])
})

test('ports are forwarded', async () => {
  await using started = await startPod()
  const echo = createServer((socket) => socket.on('data', (bytes) => socket.write(`got ${bytes.toString()}`)))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo
  const output = new Sink()
  const input = new PassThrough()
  const socket = await new PortForward(started.config).portForward('default', 'p', [port], output, null, input)
  input.write('ping')
  await output.until('got ping')
  input.write('again')
  await output.until('got again')
  assert.ok('close' in socket)
  socket.close()
  echo.close()
})

test('files are copied in both directions', async () => {
  await using started = await startPod()
  const { config, folder } = started
  const at = (name: string): string => join(folder, name)
  for (const name of ['here', 'pod', 'back']) mkdirSync(at(name))
  writeFileSync(at('here/a'), 'content')
  writeFileSync(at('here/large'), 'y'.repeat(1_000_000))
  const { exec, done } = finishing(config)
  const cp = new Cp(config, exec)
  await cp.cpToPod('default', 'p', 'c', at('here'), at('pod'))
  assert.equal((await done()).status, 'Success')
  assert.equal(readFileSync(at('pod/a'), 'utf8'), 'content')
  await cp.cpFromPod('default', 'p', 'c', '.', at('back'), at('pod'))
  assert.equal((await done()).status, 'Success')
  assert.equal(readFileSync(at('back/large'), 'utf8').length, 1_000_000)
})

/** The client does not wait until a copy is whole; `done` does. */
function finishing(config: KubeConfig): { readonly exec: Exec; readonly done: () => Promise<V1Status> } {
  let last: Promise<V1Status> | undefined
  const exec = new (class extends Exec {
    override async exec(...args: Parameters<Exec['exec']>): ReturnType<Exec['exec']> {
      const { promise, resolve } = Promise.withResolvers<V1Status>()
      const [, , , , stdout] = args
      last = Promise.all([promise, stdout === null ? undefined : once(stdout, 'close')]).then(([status]) => status)
      const finished = args[8]
      args[8] = (status) => {
        finished?.(status)
        resolve(status)
      }
      return super.exec(...args)
    }
  })(config)
  return { exec, done: () => last! }
}

test('logs are read and followed', async () => {
  await using started = await startPod()
  const { config, kubelet } = started
  for (const line of ['one', 'two', 'three']) kubelet.log(line)
  const core = config.makeApiClient(CoreV1Api)
  assert.equal(
    await core.readNamespacedPodLog({ namespace: 'default', name: 'p', container: 'c' }),
    'one\ntwo\nthree\n',
  )
  const short = new Sink()
  await new Log(config).log('default', 'p', 'c', short, { tailLines: 1 })
  assert.equal(await short.text, 'three\n')
  const followed = new Sink()
  await new Log(config).log('default', 'p', 'c', followed, { follow: true })
  await followed.until('three\n')
  kubelet.log('four')
  await followed.until('four\n')
  kubelet.endLog()
  assert.equal(await followed.text, 'one\ntwo\nthree\nfour\n')
})

test('what cannot be connected is refused', async () => {
  await using started = await startPod()
  const { config } = started
  const log = new Log(config).log('default', 'none', 'c', new Sink())
  await assert.rejects(log, (error) => error instanceof ApiException && error.code === 404)
  const exec = (as: KubeConfig, pod: string): Promise<string> =>
    new Exec(as).exec('default', pod, 'c', ['true'], new Sink(), null, null, false).then(
      () => 'connected',
      // The client hands over the event of its WebSocket.
      (event: unknown) => (event as ErrorEvent).message,
    )
  assert.equal(await exec(config, 'none'), 'Unexpected server response: 404')
  assert.equal(await exec(started.fixture.config('jane'), 'p'), 'Unexpected server response: 403')
})
