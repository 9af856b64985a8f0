/**
 * What a DNS answer takes of a processor, beside a bare socket that echoes and beside unbound (Debian: unbound) where there is
 * one; and how soon a changed service has another answer. Server and load are processes of their own.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encode } from 'dns-packet'
import { services, type Service } from '#api/core/v1/service.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { clientOver, type Client, type Selection } from '#client/client.ts'
import { httpsTransport } from '#client/https.ts'
import { WatchedInformer } from '#client/informer.ts'
import { sharedInformers, type Informers } from '#client/informers.ts'
import { dnsComponent } from '#dns/dns.ts'
import { socketExchange } from '#dns/exchange.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { systemHost } from '#lib/host/host.ts'
import { createLogger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import { startServer } from './apiServer.ts'
import { quantile, renderMeasurements, type Measurement } from './measurement.ts'
import { readProcess } from './processFigures.ts'

const host = '127.0.0.1'
const port = 15_353
const unbound = '/usr/sbin/unbound'
const serviceCount = 10_000
const loadMs = 2_500
/** So many questions are under way at once, by as many sockets. */
const sockets = 16
const windowPerSocket = 8

/** Which names are asked for: a thousand over and over, the same in changing case, or such as nobody asked for before. */
type Questions = 'known' | 'case' | 'new'

/** What a load found: how many answers, and the seconds that each took at the end of 50 and of 99 of a hundred. */
interface LoadResult {
  readonly answers: number
  readonly lost: number
  readonly median: number
  readonly p99: number
}

export async function run(): Promise<Measurement[]> {
  const bare = await measure('echo', 'known')
  const peer = existsSync(unbound) ? await measure('unbound', 'known') : undefined
  const known = await measure('serve', 'known')
  const mixed = await measure('serve', 'case')
  const fresh = await measure('serve', 'new')
  const { whole, written, answered } = await measureProgramming()
  const besideBare = { name: 'bare socket', value: bare.perSecond }
  return [
    { name: 'a bare socket that echoes', value: bare.perSecond, unit: 'answers/s of a core' },
    ...(peer === undefined ? [] : [{ name: 'unbound', value: peer.perSecond, unit: 'answers/s of a core' }]),
    {
      name: `names of ${serviceCount} services, a thousand of them over and over`,
      value: known.perSecond,
      unit: 'answers/s of a core',
      goal: { atLeast: 50_000 },
      beside: besideBare,
    },
    { name: 'processor time of it', value: known.micros / bare.micros, unit: '× a bare socket', goal: { atMost: 1.6 } },
    { name: 'the same in changing case', value: mixed.perSecond, unit: 'answers/s of a core', beside: besideBare },
    {
      name: 'each name once, as search lists bring them',
      value: fresh.perSecond,
      unit: 'answers/s of a core',
      beside: besideBare,
    },
    { name: 'an answer, end to end, 99 of 100', value: known.p99 * 1000, unit: 'ms' },
    {
      name: `memory for ${serviceCount} services, beside a program that only echoes`,
      value: known.megabytes - bare.megabytes,
      unit: 'MB',
      goal: { atMost: 120 },
    },
    { name: 'a changed service has its answer, median', value: quantile(whole, 0.5), unit: 'ms' },
    {
      name: 'a changed service has its answer, 99 of 100',
      value: quantile(whole, 0.99),
      unit: 'ms',
      goal: { atMost: 50 },
    },
    { name: '... until the server says that it is written, 99 of 100', value: quantile(written, 0.99), unit: 'ms' },
    { name: '... from then on, 99 of 100', value: quantile(answered, 0.99), unit: 'ms' },
  ]
}

interface Measured {
  readonly perSecond: number
  /** Microseconds of processor time for one answer. */
  readonly micros: number
  readonly p99: number
  readonly megabytes: number
}

/** Puts a load on a server and reads what it took of the processor; the first load warms up. */
async function measure(server: 'echo' | 'serve' | 'unbound', questions: Questions): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  const child = server === 'unbound' ? startUnbound(folder) : await startRole(server)
  try {
    await untilAnswers()
    await load(questions, 500)
    const before = readProcess(child.pid!).cpu
    const result = await load(questions, loadMs)
    const { cpu, resident } = readProcess(child.pid!)
    if (result.lost > result.answers / 100)
      throw new Error(`${server} lost ${result.lost} of ${result.answers} answers`)
    const micros = ((cpu - before) * 1000) / result.answers
    return { perSecond: 1e6 / micros, micros, p99: result.p99, megabytes: resident / 1024 / 1024 }
  } finally {
    const ended = once(child, 'exit')
    child.kill()
    await ended
    rmSync(folder, { recursive: true })
  }
}

/** Starts this file again in another role; resolves when it says that it is ready. */
async function startRole(role: string, ...words: string[]): Promise<ChildProcess> {
  const argv = [fileURLToPath(import.meta.url), role, ...words]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

async function load(questions: Questions, ms: number): Promise<LoadResult> {
  const argv = [fileURLToPath(import.meta.url), 'load', questions, String(ms)]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (part: Buffer) => (text += part.toString()))
  await once(child, 'close')
  return JSON.parse(text) as LoadResult
}

const ask = (name: string) =>
  socketExchange(
    encode({ type: 'query', id: 1, flags: 0x0100, questions: [{ name, type: 'A' }] }),
    { address: host, port },
    'udp',
    () => true,
    AbortSignal.timeout(1_000),
  )

async function untilAnswers(): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return void (await ask(nameOf(0)))
    } catch (error) {
      if (tries === 50) throw error
      await systemClock.sleep(100)
    }
  }
}

const nameOf = (index: number): string => `service-${index}.space-${index % 50}.svc.cluster.local`
const addressOf = (index: number): string => `10.96.${(index >> 8) & 255}.${index & 255}`

function startUnbound(folder: string): ChildProcess {
  const lines = ['server:', `  interface: ${host}@${port}`, '  do-daemonize: no', '  username: ""', '  chroot: ""']
  lines.push(
    '  use-syslog: no',
    '  verbosity: 0',
    '  num-threads: 1',
    '  pidfile: ""',
    '  local-zone: "cluster.local." static',
  )
  for (let index = 0; index < serviceCount; index++)
    lines.push(`  local-data: "${nameOf(index)}. 30 IN A ${addressOf(index)}"`)
  const file = join(folder, 'unbound.conf')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return spawn(unbound, ['-d', '-c', file], { stdio: 'ignore' })
}

// The roles of child processes.

/** Answers every message with a reply of the usual size under its number. */
function runEcho(): void {
  const socket = createSocket('udp4')
  const question = { name: nameOf(0), type: 'A' }
  const answers = [{ ...question, ttl: 30, data: addressOf(0) }]
  const reply = encode({ type: 'response', id: 0, questions: [question], answers })
  socket.on('message', (message, from) => {
    const bytes = Buffer.from(reply)
    bytes[0] = message[0]!
    bytes[1] = message[1]!
    socket.send(bytes, from.port, from.address, () => {})
  })
  socket.bind(port, host, () => console.log('ready'))
}

/** The whole DNS component, over copies that nobody changes. */
async function runStill(): Promise<void> {
  const metadata = (name: string, namespace: string) => ({ name, namespace, uid: name, resourceVersion: '1' })
  const objects: Readonly<Record<string, readonly object[]>> = {
    services: Array.from({ length: serviceCount }, (_, index) => ({
      metadata: metadata(`service-${index}`, `space-${index % 50}`),
      spec: { clusterIP: addressOf(index), ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    })),
    namespaces: Array.from({ length: 50 }, (_, index) => ({ metadata: metadata(`space-${index}`, '') })),
  }
  const of = (resource: Resource, selection: Selection = {}) => {
    const options = { client: {} as Client, clock: systemClock, random: systemRandom, resource, selection }
    const informer = new WatchedInformer(options)
    informer.replace((objects[resource.plural] ?? []) as KubeObject[], '1')
    return informer
  }
  await runComponent({ of } as unknown as Informers)
}

/** The same over the copies of an API server. */
async function runFollowing(connection: string): Promise<void> {
  const { port: apiPort, ...tls } = JSON.parse(connection) as { port: number; authority: string }
  const client = clientOver(httpsTransport({ url: `https://127.0.0.1:${apiPort}`, tls }))
  const informers = sharedInformers({ client, clock: systemClock, random: systemRandom })
  void informers.run(new AbortController().signal)
  await runComponent(informers)
}

async function runComponent(informers: Informers): Promise<void> {
  const log = createLogger({ clock: systemClock, sinks: [{ write: (line) => console.error(line) }], level: 'error' })
  const component = dnsComponent({
    informers,
    host: systemHost(systemClock),
    random: systemRandom,
    domain: 'cluster.local',
    serviceAddresses: [],
    nodeAddresses: [host],
    ranges: ['10.96.0.0/12'],
    resolvConf: '/dev/null',
    log,
    port,
  })
  await runComponents(
    [component],
    new AbortController().signal,
    (_, event) => event === 'ready' && console.log('ready'),
  )
}

/** Keeps so many questions under way for so long, and writes what came of them. */
async function runLoad(questions: Questions, ms: number): Promise<void> {
  const messages = questionsOf(questions)
  const open = Array.from({ length: sockets }, () => createSocket('udp4'))
  const until = performance.now() + ms
  const seconds: number[] = []
  let next = Math.floor(Math.random() * messages.length)
  let lost = 0
  await Promise.all(
    open.map(async (socket) => {
      const sent = new Map<number, number>()
      let id = 0
      const send = (): void => {
        const message = Buffer.from(messages[next++ % messages.length]!)
        id = (id + 1) & 0xffff
        message.writeUInt16BE(id, 0)
        sent.set(id, performance.now())
        socket.send(message)
      }
      socket.on('message', (reply) => {
        const began = sent.get(reply.readUInt16BE(0))
        if (began === undefined) return
        sent.delete(reply.readUInt16BE(0))
        seconds.push((performance.now() - began) / 1000)
        if (performance.now() < until) send()
      })
      await new Promise<void>((resolve) => socket.connect(port, host, resolve))
      for (let i = 0; i < windowPerSocket; i++) send()
      await systemClock.sleep(ms + 200)
      lost += sent.size
      socket.close()
    }),
  )
  console.log(
    JSON.stringify({ answers: seconds.length, lost, median: quantile(seconds, 0.5), p99: quantile(seconds, 0.99) }),
  )
}

function questionsOf(questions: Questions): readonly Buffer[] {
  const toMessage = (name: string): Buffer =>
    encode({ type: 'query', id: 0, flags: 0x0100, questions: [{ name, type: 'A' }] })
  switch (questions) {
    case 'known':
      return Array.from({ length: 1_000 }, (_, index) => toMessage(nameOf(index)))
    case 'case': {
      // As resolvers do that want to be hard to deceive.
      const mix = (name: string): string =>
        name.replaceAll(/[a-z]/g, (letter) => (Math.random() < 0.5 ? letter : letter.toUpperCase()))
      return Array.from({ length: 4_000 }, (_, index) => toMessage(mix(nameOf(index % 1_000))))
    }
    case 'new':
      return Array.from({ length: 200_000 }, (_, index) =>
        toMessage(`www.example-${index}.com.space-1.svc.cluster.local`),
      )
  }
}

/** The first changes are not counted: code is compiled in them. */
const warmUp = 20

/** Changes services at an API server and asks until the answer is the other one; milliseconds, and those of both parts. */
async function measureProgramming() {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  await using server = await startServer(folder)
  const { port: apiPort, ...tls } = server.address
  using transport = httpsTransport({ url: `https://127.0.0.1:${apiPort}`, tls })
  const client = clientOver(transport)
  const child = await startRole('follow', JSON.stringify(server.address))
  try {
    const times: { readonly written: number; readonly whole: number }[] = []
    for (let index = 0; index < warmUp + 200; index++) {
      const draft = { metadata: { name: `late-${index}`, namespace: 'default' }, spec: { ports: [{ port: 80 }] } }
      const began = performance.now()
      const made: Service = await client.create(services, draft)
      const written = performance.now() - began
      const isThere = async (): Promise<boolean> =>
        ((await ask(`${made.metadata.name}.default.svc.cluster.local`))[3]! & 0xf) === 0
      while (!(await isThere())) await systemClock.sleep(1)
      times.push({ written, whole: performance.now() - began })
    }
    const counted = times.slice(warmUp)
    return {
      whole: counted.map((time) => time.whole),
      written: counted.map((time) => time.written),
      answered: counted.map((time) => time.whole - time.written),
    }
  } finally {
    const ended = once(child, 'exit')
    child.kill()
    await ended
    rmSync(folder, { recursive: true })
  }
}

const [role, ...words] = import.meta.main ? process.argv.slice(2) : []
if (role === 'echo') runEcho()
else if (role === 'serve') await runStill()
else if (role === 'follow') await runFollowing(words[0]!)
else if (role === 'load') await runLoad(words[0] as Questions, Number(words[1]))
else if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
