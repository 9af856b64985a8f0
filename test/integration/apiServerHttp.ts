import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { HttpServer } from '#lib/http/server.ts'
import { httpHandler } from '#server/http.ts'
import type { ApiServer } from '#server/server.ts'

export interface HttpAnswer {
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly bytes: Buffer
}

/** A server on a port of the loopback interface. */
export interface HttpFixture extends AsyncDisposable {
  readonly port: number
  /** Connections that are open now. */
  readonly connectionCount: number
  /** Takes no more connections and resolves when all requests are answered. */
  close(): Promise<void>
  /** Sends one request as the administrator, unless the headers say otherwise. */
  ask(
    method: string,
    path: string,
    options?: { readonly headers?: Record<string, string>; readonly body?: string | Buffer | object },
  ): Promise<HttpAnswer>
}

/** The header by which the tests' authenticator knows users. */
export const userHeader = 'x-test-user'

export async function listen(server: ApiServer): Promise<HttpFixture> {
  const http = new HttpServer({ handler: httpHandler(server) })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  return {
    port,
    get connectionCount() {
      return http.connectionCount
    },
    close: () => http.close(),
    ask: (method, path, { headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const isText = typeof body === 'string' || Buffer.isBuffer(body)
        const bytes = body === undefined ? undefined : Buffer.from(isText ? body : JSON.stringify(body))
        const request = httpRequest(
          {
            port,
            host: '127.0.0.1',
            method,
            path,
            agent: false,
            headers: {
              ...(headers['authorization'] === undefined ? { [userHeader]: 'admin' } : {}),
              ...(bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }),
              ...headers,
            },
          },
          (response) => {
            const pieces: Buffer[] = []
            response.on('data', (piece: Buffer) => pieces.push(piece))
            response.on('error', reject)
            response.on('end', () => {
              const all = Buffer.concat(pieces)
              resolve({ code: response.statusCode!, headers: response.headers, text: all.toString('utf8'), bytes: all })
            })
          },
        )
        request.on('error', reject)
        request.end(bytes)
      }),
    [Symbol.asyncDispose]: () => http.close(AbortSignal.abort()),
  }
}
