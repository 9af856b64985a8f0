/** Pages of another server in the place of answers with certain statuses. */
import type { Clock } from '#lib/clock.ts'
import type { ErrorPages } from '#ingress/routing.ts'
import { ask } from './attempt.ts'
import type { Answer } from './attempt.ts'
import type { Downstream } from './downstream.ts'
import { headerValue, setHeaders, withoutHeaders } from './headers.ts'
import type { RawHeaders } from './headers.ts'
import type { UpstreamPool, UpstreamServer } from './upstream.ts'

/** A page that begins; `release` once it is over. */
export interface Page {
  readonly answer: Answer
  readonly release: () => void
}

export interface PageRequest {
  readonly downstream: Downstream
  /** As for the server whose answer is replaced. */
  readonly headers: RawHeaders
  readonly status: number
  /** In milliseconds. */
  readonly timeouts: { readonly connect: number; readonly read: number }
}

const mostTries = 3
/** They are about what was asked for, not about the page. */
const aboutOther: ReadonlySet<string> = new Set([
  'range',
  'content-type',
  'content-encoding',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
])

/** Asks for the page, by GET and without the body; nothing when nobody gives one. */
export async function askForPage(
  { headers: own }: ErrorPages,
  pool: UpstreamPool,
  { downstream, headers, status, timeouts }: PageRequest,
  clock: Clock,
): Promise<Page | undefined> {
  const format = headerValue(headers, 'accept')
  const asked = setHeaders(withoutHeaders(headers, aboutOther), [
    { name: 'Host', value: headerValue(headers, 'x-forwarded-host') ?? '' },
    { name: 'X-Code', value: String(status) },
    ...(format === undefined ? [] : [{ name: 'X-Format', value: format }]),
    { name: 'X-Original-URI', value: downstream.target },
    ...own,
  ])
  const tried = new Set<UpstreamServer>()
  while (tried.size < mostTries && !downstream.isOver) {
    const server = pool.next(tried, '')
    if (server === undefined) return undefined
    tried.add(server)
    server.active++
    const method = downstream.method === 'HEAD' ? 'HEAD' : 'GET'
    const question = {
      method,
      target: '/',
      headers: asked,
      protocol: pool.pool.protocol,
      connectTimeout: timeouts.connect,
      readTimeout: timeouts.read,
    }
    const attempt = ask(server, question, clock)
    downstream.onClose((whole) => {
      if (!whole) attempt.cancel()
    })
    const result = await attempt.result
    if (result.kind === 'answer') return { answer: result, release: () => void server.active-- }
    server.active--
    if (!result.failure.sent) server.noteFailed()
  }
  return undefined
}
