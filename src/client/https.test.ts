import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { isReason, StatusError } from '#machinery/status.ts'
import { httpsTransport, type HttpsTransport } from './https.ts'

async function withServer(answer: RequestListener, work: (transport: HttpsTransport) => Promise<void>): Promise<void> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const transport = httpsTransport({ url: `http://127.0.0.1:${port}`, token: () => 'secret' })
  try {
    await work(transport)
  } finally {
    transport[Symbol.dispose]()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const signal = new AbortController().signal
const json = { 'content-type': 'application/json' }

test('a request carries method, query, types, token and body; the answer is frozen and its warnings are read', async () => {
  const seen: unknown[] = []
  await withServer(
    (request, response) => {
      let body = ''
      request.on('data', (piece) => (body += piece))
      request.on('end', () => {
        const { accept, authorization, 'content-type': type } = request.headers
        seen.push([request.method, request.url, accept, authorization, type, body])
        response.setHeader('warning', ['299 - "first, with a \\"quote\\""', '299 - "second"'])
        response.writeHead(201, json)
        response.end('{"a":{"b":1}}')
      })
    },
    async (transport) => {
      const answer = await transport.send({
        method: 'POST',
        path: '/api/v1/pods',
        query: { dryRun: 'All', none: undefined, many: ['x', 'y'] },
        body: { kind: 'Pod' },
      })
      assert.deepEqual(answer, { code: 201, body: { a: { b: 1 } }, warnings: ['first, with a "quote"', 'second'] })
      assert.ok(Object.isFrozen((answer.body as { a: object }).a))
    },
  )
  const url = '/api/v1/pods?dryRun=All&many=x&many=y'
  assert.deepEqual(seen, [['POST', url, 'application/json', 'Bearer secret', 'application/json', '{"kind":"Pod"}']])
})

test('a refusal is a StatusError; one that is no Status too', async () => {
  await withServer(
    (request, response) => {
      response.writeHead(request.url === '/status' ? 404 : 502, json)
      const status = {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        reason: 'NotFound',
        message: 'gone',
        code: 404,
      }
      response.end(request.url === '/status' ? JSON.stringify(status) : 'Bad Gateway')
    },
    async (transport) => {
      await assert.rejects(transport.send({ method: 'GET', path: '/status' }), (error) => isReason(error, 'NotFound'))
      await assert.rejects(transport.send({ method: 'GET', path: '/other' }), (error) => {
        return error instanceof StatusError && error.code === 502 && error.message === 'Bad Gateway'
      })
    },
  )
})

test('a server that is not there is unavailable', async () => {
  const transport = httpsTransport({ url: 'http://127.0.0.1:1' })
  await assert.rejects(transport.send({ method: 'GET', path: '/' }), (error) => isReason(error, 'ServiceUnavailable'))
  transport[Symbol.dispose]()
})

test('a watch yields what came together, joins what was cut, and throws the error that ends it', async () => {
  const event = (type: string, name: string): string => `${JSON.stringify({ type, object: { metadata: { name } } })}\n`
  const gone = {
    type: 'ERROR',
    object: { kind: 'Status', reason: 'Expired', message: 'too old resource version', code: 410 },
  }
  const cut = event('MODIFIED', 'c')
  await withServer(
    (_request, response) => {
      response.writeHead(200, json)
      const pieces = [
        event('ADDED', 'a') + event('ADDED', 'b') + cut.slice(0, 9),
        cut.slice(9),
        `${JSON.stringify(gone)}\n`,
      ]
      const next = (): void => {
        const piece = pieces.shift()
        if (piece === undefined) response.end()
        else response.write(piece, () => setImmediate(() => setImmediate(next)))
      }
      next()
    },
    async (transport) => {
      const names: string[] = []
      const read = async (): Promise<void> => {
        for await (const batch of transport.watch({ method: 'GET', path: '/w' }, signal)) {
          for (const { type, object } of batch) names.push(`${type} ${(object.metadata as { name?: string }).name}`)
        }
      }
      await assert.rejects(read(), (error) => isReason(error, 'Expired'))
      assert.deepEqual(names, ['ADDED a', 'ADDED b', 'MODIFIED c'])
    },
  )
})

test('an aborted watch ends with the reason', async () => {
  await withServer(
    (_request, response) => response.writeHead(200, json).flushHeaders(),
    async (transport) => {
      const stop = new AbortController()
      const read = async (): Promise<void> => {
        for await (const _batch of transport.watch({ method: 'GET', path: '/w' }, stop.signal)) assert.fail()
      }
      const reading = read()
      setImmediate(() => stop.abort(new Error('enough')))
      await assert.rejects(reading, /enough/)
    },
  )
})
