/** Answers that the data plane itself gives. */
import { STATUS_CODES } from 'node:http'
import type { Respond } from '#ingress/routing.ts'
import type { Downstream } from './downstream.ts'

/** An answer that is whole. */
export function answerWhole(downstream: Downstream, status: number, headers: readonly string[], body: string): void {
  const bytes = Buffer.from(body)
  const mayHaveBody = status >= 200 && status !== 204 && status !== 304
  const all = mayHaveBody ? [...headers, 'Content-Length', String(bytes.length)] : headers
  const empty = !mayHaveBody || downstream.method === 'HEAD' || bytes.length === 0
  const output = downstream.answer(status, all, { empty })
  if (!empty) output.write(bytes)
  downstream.finish()
}

/** An answer that says what is wrong, as a page. */
export function answerProblem(downstream: Downstream, status: number, headers: readonly string[] = []): void {
  const title = `${status} ${STATUS_CODES[status] ?? 'Problem'}`
  const body = `<html>\n<head><title>${title}</title></head>\n<body>\n<center><h1>${title}</h1></center>\n</body>\n</html>\n`
  answerWhole(downstream, status, ['Content-Type', 'text/html; charset=utf-8', ...headers], body)
}

export function answerRedirect(
  downstream: Downstream,
  status: number,
  location: string,
  headers: readonly string[] = [],
): void {
  answerProblem(downstream, status, ['Location', location, ...headers])
}

export function answerFixed(downstream: Downstream, respond: Respond, headers: readonly string[]): void {
  answerWhole(
    downstream,
    respond.status,
    ['Content-Type', respond.contentType ?? 'text/plain; charset=utf-8', ...headers],
    respond.body,
  )
}
