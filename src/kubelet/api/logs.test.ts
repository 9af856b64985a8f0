import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { SimulatedClock, systemClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { parseLogLine, tailText } from './logFormat.ts'
import { rotateLog } from './logRotation.ts'
import { readLog, type LogOptions } from './logs.ts'

const record = (second: number, text: string, tag = 'F', stream = 'stdout'): string =>
  `2026-01-01T12:00:${String(second).padStart(2, '0')}.000000001Z ${stream} ${tag} ${text}\n`

test('one record', () => {
  const line = parseLogLine(Buffer.from('2026-01-01T12:00:00.1Z stderr P a b'))
  assert.deepEqual(line && { ...line, text: line.text.toString() }, {
    time: '2026-01-01T12:00:00.1Z',
    stream: 'stderr',
    isPartial: true,
    text: 'a b',
  })
  assert.equal(parseLogLine(Buffer.from('nonsense')), undefined)
})

test('the last words of a log', () => {
  const log = Buffer.from(record(1, 'one') + record(2, 'two ', 'P') + record(2, 'halves') + record(3, 'three'))
  assert.equal(tailText(log, 2, 1000), 'two halves\nthree\n')
  assert.equal(tailText(log, 80, 6), 'three\n')
})

let folder: string
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'logs-'))))
after(() => rm(folder, { recursive: true }))

const read = async (path: string, options: LogOptions = {}, isOpen = () => false): Promise<string> => {
  const pieces: Buffer[] = []
  for await (const piece of readLog({ path, isOpen, clock: systemClock }, options, AbortSignal.timeout(5_000)))
    pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

test('what a log is asked for', async () => {
  const path = join(folder, '0.log')
  await writeFile(`${path}.20260101-115900`, record(1, 'one') + record(2, 'two'))
  await writeFile(path, record(3, 'three', 'F', 'stderr') + record(4, 'fo', 'P') + record(4, 'ur'))
  const rows: readonly [LogOptions, string][] = [
    [{}, 'one\ntwo\nthree\nfour\n'],
    [{ tailLines: 1 }, 'four\n'],
    [{ tailLines: 2 }, 'three\nfour\n'],
    [{ tailLines: 3 }, 'two\nthree\nfour\n'],
    [{ tailLines: 0 }, ''],
    [{ limitBytes: 5 }, 'one\nt'],
    [{ since: Date.parse('2026-01-01T12:00:03Z') }, 'three\nfour\n'],
    [{ stream: 'Stderr' }, 'three\n'],
    [{ timestamps: true, tailLines: 2, stream: 'Stderr' }, '2026-01-01T12:00:03.000000001Z three\n'],
  ]
  for (const [options, expected] of rows) assert.equal(await read(path, options), expected, JSON.stringify(options))
  assert.equal(await read(join(folder, 'none.log')), '')
})

test('following goes on over a rotation and ends with the container', async () => {
  const path = join(folder, '1.log')
  await writeFile(path, record(1, 'one'))
  let isOpen = true
  const pieces: string[] = []
  const source = { path, isOpen: () => isOpen, clock: systemClock }
  for await (const piece of readLog(source, { follow: true }, AbortSignal.timeout(5_000))) {
    pieces.push(piece.toString())
    if (pieces.length === 1) await appendFile(path, record(2, 'two'))
    else if (pieces.length === 2) {
      await rename(path, `${path}.20260101-120002`)
      await writeFile(path, record(3, 'three'))
    } else isOpen = false
  }
  assert.deepEqual(pieces, ['one\n', 'two\n', 'three\n'])
})

test('a long log is moved away and the oldest is dropped', async () => {
  const files = fakeFiles({ '/l/0.log': 'x'.repeat(20), '/l/0.log.1': '', '/l/0.log.2': '', '/l/1.log.0': '' })
  const reopened: string[] = []
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1, 12))
  const runtime = { reopenLog: async (id: string) => void reopened.push(id) }
  const options = { files, clock, runtime, maxBytes: 10, keep: 3 }
  const { signal } = new AbortController()
  assert.equal(await rotateLog(options, { containerId: 'c0', path: '/l/0.log' }, signal), true)
  assert.deepEqual(await files.list('/l'), ['0.log.2', '0.log.20260101-120000', '1.log.0'])
  assert.deepEqual(reopened, ['c0'])
  await files.write('/l/0.log', 'short')
  assert.equal(await rotateLog(options, { containerId: 'c0', path: '/l/0.log' }, signal), false)
  await files.write('/l/0.log', 'y'.repeat(20))
  const failing = { ...options, runtime: { reopenLog: () => Promise.reject(new Error('no')) } }
  await assert.rejects(rotateLog(failing, { containerId: 'c0', path: '/l/0.log' }, signal))
  assert.equal(await files.readText('/l/0.log'), 'y'.repeat(20))
})
