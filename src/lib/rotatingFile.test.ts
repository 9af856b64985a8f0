import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { RotatingFile } from './rotatingFile.ts'

function newFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'k8ts-rotating-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const contents = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))

const day = 24 * 3_600_000

test('a file that would be too large is put aside under the time, and goes on where it ended', () => {
  using folder = newFolder()
  const options = {
    path: join(folder.path, 'below/audit.log'),
    clock: new SimulatedClock(Date.UTC(2026, 0, 31, 9, 30)),
    largestBytes: 10,
    mostFiles: 0,
    longestAge: 0,
  }
  const first = new RotatingFile(options)
  first.write('one\n')
  first.close()
  const file = new RotatingFile(options)
  file.write('two\n')
  file.write('three\n')
  file.write('longer than a file may be\n')
  file.close()
  assert.deepEqual(contents(join(folder.path, 'below')), {
    'audit-2026-01-31T09-30-00.000.log': 'one\ntwo\n',
    'audit-2026-01-31T09-30-00.001.log': 'three\n',
    'audit.log': 'longer than a file may be\n',
  })
})

test('what was put aside is removed by number and by age; other files stay', async () => {
  using folder = newFolder()
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1))
  writeFileSync(join(folder.path, 'audit-of-others.log'), '')
  const file = new RotatingFile({
    path: join(folder.path, 'audit.log'),
    clock,
    largestBytes: 1,
    mostFiles: 2,
    longestAge: 3 * day,
  })
  const aside = () => readdirSync(folder.path).filter((name) => name.startsWith('audit-2026'))
  for (const text of ['a', 'b', 'c', 'd']) {
    file.write(`${text}\n`)
    await clock.advance('1d')
  }
  assert.deepEqual(aside(), ['audit-2026-01-03T00-00-00.000.log', 'audit-2026-01-04T00-00-00.000.log'].toSorted())
  await clock.advance('3d')
  file.write('e\n')
  assert.deepEqual(aside(), ['audit-2026-01-08T00-00-00.000.log'])
  assert.ok(readdirSync(folder.path).includes('audit-of-others.log'))
  file.close()
})
