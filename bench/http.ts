/** How many small replies a second one server gives over TLS, HTTP/1.1 (wrk when installed) and HTTP/2, and how fast watches and lists go out. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:http2'
import { fileURLToPath } from 'node:url'
import { HttpClient } from '#lib/http/client.ts'
import type { ReplyStream } from '#lib/http/message.ts'
import { HttpServer } from '#lib/http/server.ts'
import { issueCertificates } from './certificates.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'

const wrk = '/usr/bin/wrk'

/** The server runs in a process of its own, so that the load does not take its core. */
export async function run(): Promise<Measurement[]> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const [first] = (await once(child.stdout, 'data')) as [Buffer]
    const { port, authority } = JSON.parse(first.toString()) as { port: number; authority: string }
    const results: Measurement[] = []
    const ask = async (path: string, protocol: 'h1' | 'h2'): Promise<number> => {
      const client = new HttpClient({ url: `https://127.0.0.1:${port}`, tls: { authority }, protocol })
      await (await client.request({ path: '/object' })).readBody(10_000)
      const begun = performance.now()
      const response = await client.request({ path })
      const { length } = await response.readBody(100_000_000)
      const elapsed = performance.now() - begun
      client.close()
      if (length === 0) throw new Error(`${path} answered nothing`)
      return elapsed
    }
    if (existsSync(wrk))
      results.push({ name: 'GET 3 KB, HTTP/1.1, 16 connections', value: await runWrk(port), unit: 'requests/s' })
    results.push({
      name: 'GET 3 KB, HTTP/2, 4 connections of 16',
      value: await runHttp2(port, authority),
      unit: 'requests/s',
    })
    for (const protocol of ['h1', 'h2'] as const) {
      results.push({ name: `LIST 30 MB, ${protocol}`, value: await ask('/list', protocol), unit: 'ms' })
      const watches = Array.from({ length: 100 }, () => ask('/watch', protocol))
      const elapsed = Math.max(...(await Promise.all(watches)))
      results.push({
        name: `100 watches of 200 events, ${protocol}`,
        value: 20_000 / (elapsed / 1000),
        unit: 'events/s',
      })
    }
    return results
  } finally {
    child.kill()
  }
}

async function runWrk(port: number): Promise<number> {
  const child = spawn(wrk, ['-t1', '-c16', '-d3s', `https://127.0.0.1:${port}/object`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (piece: Buffer) => (text += piece.toString()))
  await once(child, 'close')
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? Number.NaN)
}

async function runHttp2(port: number, ca: string): Promise<number> {
  const sessions = Array.from({ length: 4 }, () => connect(`https://127.0.0.1:${port}`, { ca }))
  await Promise.all(sessions.map((session) => once(session, 'connect')))
  const end = performance.now() + 3_000
  let count = 0
  const loop = async (session: (typeof sessions)[number]): Promise<void> => {
    while (performance.now() < end) {
      const stream = session.request({ ':path': '/object' })
      stream.resume()
      await once(stream, 'end')
      count++
    }
  }
  await Promise.all(sessions.flatMap((session) => Array.from({ length: 16 }, () => loop(session))))
  for (const session of sessions) session.close()
  return count / 3
}

async function serve(): Promise<void> {
  const { server: tls, client } = issueCertificates()
  const object = Buffer.alloc(3_072, 'x')
  const pods = Array.from({ length: 10_000 }, () => object)
  let streams: ReplyStream[] = []
  const server = new HttpServer({
    tls,
    handler(request, reply) {
      if (request.path === '/list') return reply.sendPieces(200, { 'content-type': 'application/json' }, pods)
      if (request.path !== '/watch') return reply.send(200, { 'content-type': 'application/json' }, object)
      streams.push(reply.stream(200, { 'content-type': 'application/json' }))
      if (streams.length < 100) return
      const all = streams
      streams = []
      let event = 0
      const next = (): void => {
        for (const stream of all) stream.write(object.subarray(0, 1_024))
        if (++event < 200) setImmediate(next)
        else for (const stream of all) stream.end()
      }
      next()
    },
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  process.stdout.write(JSON.stringify({ port, authority: client.authority }))
}

if (process.argv[2] === 'serve') await serve()
else if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
