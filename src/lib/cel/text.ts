/** Text as code points: what the language counts, where JavaScript counts UTF-16 units. */

const surrogates = /[\ud800-\udfff]/

/** Up to here it is quicker to look at each unit than to start a search. */
const shortText = 48

export function codePointLength(text: string): number {
  if (text.length <= shortText ? !hasSurrogates(text) : !surrogates.test(text)) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

function hasSurrogates(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit >= 0xd800 && unit <= 0xdfff) return true
  }
  return false
}

/** Whether units and code points of the text are the same. */
export function isBasic(text: string): boolean {
  return !surrogates.test(text)
}

/** Its characters; for texts without surrogates the text itself, which can be indexed alike. */
export function characters(text: string): string | readonly string[] {
  return isBasic(text) ? text : [...text]
}

/** Orders by code points, as Go orders UTF-8, where JavaScript orders by UTF-16 units. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x === y) continue
    // Surrogates stand for what is above all other units.
    const isHigher = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff
    if (isHigher(x) !== isHigher(y)) return isHigher(x) ? 1 : -1
    return x - y
  }
  return a.length - b.length
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Throws TypeError when the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}
