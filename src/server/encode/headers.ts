import type { ServerReply } from '../request.ts'

/** The headers of every reply. */
export function headersOf({ headers, warnings }: ServerReply): Record<string, string | readonly string[]> {
  const all: Record<string, string | readonly string[]> = { 'cache-control': 'no-cache, private', ...headers }
  if (warnings !== undefined) all['warning'] = warnings.map(warningHeader)
  return all
}

/** A `Warning` header (RFC 7234): code 299, no agent, the text in quotes. */
function warningHeader(text: string): string {
  const clean = text.replace(/\p{Cc}/gu, ' ').replace(/["\\]/g, (each) => `\\${each}`)
  return `299 - "${Buffer.from(clean.slice(0, 4_096), 'utf8').toString('latin1')}"`
}
