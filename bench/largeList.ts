/** A list of fifty thousand pods over TLS: how long it takes, what memory, and what others notice of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { performance } from 'node:perf_hooks'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pods } from '#api/core/v1/pod.ts'
import { keyPrefix } from '#server/kind.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import { startServer } from './apiServer.ts'
import type { Address } from './certificates.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'

const podCount = 50_000
const podsPath = '/api/v1/namespaces/default/pods'
const rounds = 5
const atOnce = 4

export async function run(): Promise<Measurement[]> {
  const directory = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  try {
    const template = await makeTemplate(directory)
    await fill(directory, template)
    await using server = await startServer(directory)
    return await measure(server.pid, server.address, server.usage)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const templateName = 'template-00000'
const keyOf = (name: string): string => `${keyPrefix(pods)}default/${name}`

/** The bytes that a server stores for one pod of three kilobytes, owners of fields included. */
async function makeTemplate(directory: string): Promise<Buffer> {
  {
    await using server = await startServer(directory)
    using client = clientOf(server.address)
    await client.send('POST', podsPath, JSON.stringify(pod(templateName)))
  }
  await using store = await openSqliteStore({ directory })
  const { kv } = await store.get(keyOf(templateName))
  if (kv === undefined) throw new Error('The pod is not where it was looked for')
  return Buffer.from(kv.value)
}

/** Writes the pods to the store; each has a name and a uid of its own. */
async function fill(directory: string, template: Buffer): Promise<void> {
  await using store = await openSqliteStore({ directory })
  const text = template.toString()
  const uid = /"uid":"([^"]+)"/.exec(text)![1]!
  for (let at = 0; at < podCount - 1; at += 1_000) {
    const commits = Array.from({ length: Math.min(1_000, podCount - 1 - at) }, (_, index) => {
      const number = String(at + index + 1).padStart(5, '0')
      const value = text.replaceAll(templateName, `template-${number}`).replace(uid, `${uid.slice(0, -5)}${number}`)
      return store.commit(keyOf(`template-${number}`), 0, { value: Buffer.from(value) })
    })
    for (const { ok } of await Promise.all(commits)) if (!ok) throw new Error('A pod was there already')
  }
}

async function measure(
  pid: number,
  address: Address,
  usage: Awaited<ReturnType<typeof startServer>>['usage'],
): Promise<Measurement[]> {
  using client = clientOf(address)
  using other = clientOf(address)
  const lists: List[] = []
  const growths: number[] = []
  const stalls: number[] = []
  const used: number[] = []
  const waits: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = await usage()
    const resident = resetPeak(pid)
    let isListing = true
    const asking = (async () => {
      while (isListing) {
        const began = performance.now()
        await other.send('GET', `${podsPath}/${templateName}`)
        waits.push(performance.now() - began)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    lists.push(await listPods(client))
    isListing = false
    await asking
    growths.push((readStatus(pid, 'VmHWM') - resident) / 1024)
    const after = await usage()
    stalls.push(after.longestStall)
    used.push((after.cpu - before.cpu) / 1_000)
  }
  const whole = await countPods(client)
  for (const { bytes } of lists) if (bytes !== whole) throw new Error(`A list had ${bytes} bytes instead of ${whole}`)
  const resident = resetPeak(pid)
  const clients = Array.from({ length: atOnce }, () => clientOf(address))
  const began = performance.now()
  await Promise.all(clients.map(listPods))
  const together = performance.now() - began
  const growth = (readStatus(pid, 'VmHWM') - resident) / 1024
  for (const each of clients) each[Symbol.dispose]()
  const name = `list of ${podCount} pods, ${Math.round(lists[0]!.bytes / 1e6)} MB`
  return [
    { name, value: median(lists.map(({ milliseconds }) => milliseconds)), unit: 'ms', goal: { atMost: 800 } },
    { name: 'the first of them', value: lists[0]!.milliseconds, unit: 'ms' },
    { name: 'until its first byte', value: median(lists.map(({ firstByte }) => firstByte)), unit: 'ms' },
    { name: 'processor time of the server', value: median(used), unit: 'ms' },
    { name: 'growth of resident memory, the most', value: Math.max(...growths), unit: 'MiB', goal: { atMost: 64 } },
    { name: 'longest stall of the loop', value: median(stalls), unit: 'ms' },
    { name: 'get of one pod meanwhile, median', value: median(waits), unit: 'ms' },
    { name: 'get of one pod meanwhile, p99', value: quantile(waits, 0.99), unit: 'ms' },
    { name: `${atOnce} lists at once`, value: together, unit: 'ms' },
    { name: `${atOnce} lists at once, growth of resident memory`, value: growth, unit: 'MiB' },
  ]
}

interface List {
  readonly milliseconds: number
  readonly firstByte: number
  readonly bytes: number
}

/** Reads a list as it comes and keeps nothing of it. */
async function listPods(client: Client): Promise<List> {
  const began = performance.now()
  let firstByte = 0
  let bytes = 0
  await client.read('GET', podsPath, (piece) => {
    if (bytes === 0) firstByte = performance.now() - began
    bytes += piece.length
  })
  return { milliseconds: performance.now() - began, firstByte, bytes }
}

/** Sees that all pods are there; looking for them takes longer than the list. Returns its size in bytes. */
async function countPods(client: Client): Promise<number> {
  let bytes = 0
  let found = 0
  /** The end of the last piece, in which a mark may have begun. */
  let rest: Buffer = Buffer.alloc(0)
  await client.read('GET', podsPath, (piece) => {
    bytes += piece.length
    found += countMarks(Buffer.concat([rest, piece.subarray(0, mark.length - 1)])) + countMarks(piece)
    rest = piece.subarray(-(mark.length - 1))
  })
  if (found !== podCount) throw new Error(`The list has ${found} pods instead of ${podCount}`)
  return bytes
}

const mark = Buffer.from('"uid":"')

function countMarks(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) count++
  return count
}

interface Client extends Disposable {
  /** Sends a request and hands on the pieces of the answer as they come. */
  read(method: string, path: string, take: (piece: Buffer) => void, body?: string): Promise<void>
  /** Sends a request and waits for the end of the answer. */
  send(method: string, path: string, body?: string): Promise<void>
}

function clientOf({ port, authority: ca, certificate: cert, key }: Address): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, cert, key })
  const read: Client['read'] = (method, path, take, body) =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const asked = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
        if (response.statusCode! >= 400) reject(new Error(`${method} ${path}: ${response.statusCode}`))
        response.on('data', take)
        response.on('end', resolve)
        response.on('error', reject)
      })
      asked.on('error', reject)
      asked.end(body)
    })
  return {
    read,
    send: (method, path, body) => read(method, path, () => {}, body),
    [Symbol.dispose]: () => agent.destroy(),
  }
}

/** Three kilobytes once the server has completed it. */
function pod(name: string): object {
  const container = {
    name: 'main',
    image: 'registry.example/some/image:1.2.3',
    command: ['/bin/app', '--flag=value', '--other=thing'],
    env: Array.from({ length: 4 }, (_, each) => ({ name: `VAR_${each}`, value: `value-${each}-${name}` })),
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '500m', memory: '256Mi' } },
    ports: [{ containerPort: 8080 }],
  }
  const metadata = { name, labels: { app: 'large', tier: 'bench' }, annotations: { note: 'x'.repeat(200) } }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { schedulerName: 'nobody', containers: [container] } }
}

/** Lets the kernel begin anew to note the most memory that a process had; returns what it has now, in KiB. */
function resetPeak(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  return readStatus(pid, 'VmRSS')
}

function readStatus(pid: number, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
