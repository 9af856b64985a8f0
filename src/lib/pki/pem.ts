/** One block of a PEM text. */
export interface PemBlock {
  /** What it is, such as `CERTIFICATE`. */
  readonly type: string
  /** Whether lines such as `Proc-Type: 4,ENCRYPTED` stand before the bytes. */
  readonly hasHeaders: boolean
  readonly bytes: Buffer
}

/** The blocks of a PEM text (RFC 7468), in order; what stands between them is passed over, as is a block that is broken. */
export function readPemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = []
  let at = 0
  for (;;) {
    const begin = text.indexOf('-----BEGIN ', at)
    if (begin < 0) return blocks
    const lineEnd = text.indexOf('\n', begin)
    const label = /^-----BEGIN ([^\n]*?)-----[ \t\r]*$/.exec(text.slice(begin, lineEnd < 0 ? undefined : lineEnd))
    const type = label?.[1]
    const end = lineEnd < 0 ? -1 : text.indexOf(`-----END ${type ?? ''}-----`, lineEnd)
    if (type === undefined || end < 0) {
      at = begin + '-----BEGIN '.length
      continue
    }
    const content = text.slice(lineEnd + 1, end)
    const headers = /^[^\n:]*:[^\n]*\n/.test(content)
    const body = headers ? content.slice(content.search(/\n\s*\n/) + 1) : content
    if (/^[A-Za-z0-9+/=\s]*$/.test(body)) blocks.push({ type, hasHeaders: headers, bytes: Buffer.from(body, 'base64') })
    at = end + `-----END ${type}-----`.length
  }
}
