import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type { Clock } from '#lib/clock.ts'

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** The beginning of the body. */
  readonly body: string
}

/** A request that got no answer, in the words in which Go tells it. */
export class NetworkError extends Error {
  override name = 'NetworkError'
}

/** As much of a body as messages show. */
const longestBody = 10 * 1024

export interface HttpTarget {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** Gets a URL once, without checking certificates and without following redirects. Rejects with a NetworkError. */
export function httpGet(target: HttpTarget, clock: Clock, signal: AbortSignal): Promise<HttpAnswer> {
  const { url, headers, timeoutMs } = target
  const parsed = new URL(url)
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new NetworkError(`Get "${url}": ${why}`))
    const options: RequestOptions & { rejectUnauthorized?: boolean } = {
      headers,
      agent: false,
      signal,
      rejectUnauthorized: false,
    }
    const request = (parsed.protocol === 'https:' ? httpsRequest : httpRequest)(parsed, options, (answer) => {
      const chunks: Buffer[] = []
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        if (size < longestBody) chunks.push(chunk)
        size += chunk.length
        // A probe does not wait for an endless answer.
        if (size > longestBody) finish()
      })
      const finish = (): void => {
        timer[Symbol.dispose]()
        const body = Buffer.concat(chunks).subarray(0, longestBody).toString('utf8')
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body })
        request.destroy()
      }
      answer.on('end', finish)
      answer.on('error', (error) => fail(error.message))
    })
    const timer = clock.after(timeoutMs, () => {
      fail('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')
      request.destroy()
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      timer[Symbol.dispose]()
      fail(networkText(error, hostOf(parsed)))
    })
    request.end()
  })
}

/** Opens and closes a connection. Rejects with a NetworkError. */
export function tcpConnect(
  host: string,
  port: number,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const address = joinHostPort(host, port)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const end = (error?: NetworkError): void => {
      timer[Symbol.dispose]()
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }
    const onAbort = (): void => end(new NetworkError('aborted'))
    const timer = clock.after(timeoutMs, () => end(new NetworkError(`dial tcp ${address}: i/o timeout`)))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => end())
    socket.once('error', (error: NodeJS.ErrnoException) => end(new NetworkError(networkText(error, address))))
  })
}

/** `host:port`, with brackets around an IPv6 address. */
export function joinHostPort(host: string, port: number | string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function hostOf(url: URL): string {
  return `${url.hostname}:${url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port}`
}

const texts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
}

function networkText(error: NodeJS.ErrnoException, address: string): string {
  const text = texts[error.code ?? '']
  if (text !== undefined) return `dial tcp ${address}: ${text}`
  if (error.code === 'ECONNRESET')
    return error.message === 'socket hang up' ? 'EOF' : `read tcp ${address}: read: connection reset by peer`
  if (error.code === 'ENOTFOUND') return `dial tcp: lookup ${address.split(':')[0]}: no such host`
  return error.message
}
