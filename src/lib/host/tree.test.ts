import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'

import { changeGroupBelow, holdWithin } from './tree.ts'

const root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'tree-')))
after(() => fs.rmSync(root, { recursive: true }))

const volume = `${root}/volume`
fs.mkdirSync(`${volume}/dir`, { recursive: true })
fs.writeFileSync(`${volume}/dir/file`, 'inside')
fs.writeFileSync(`${volume}/x`, '')
fs.symlinkSync('..data/file', `${volume}/link`)
fs.symlinkSync('dir', `${volume}/..data`)
fs.symlinkSync(`${volume}/dir`, `${volume}/absolute`)
fs.symlinkSync('../outside', `${volume}/up`)
fs.symlinkSync('/etc', `${volume}/out`)
fs.symlinkSync('loop', `${volume}/loop`)
fs.mkdirSync(`${root}/outside`)
fs.writeFileSync(`${root}/outside/file`, 'outside', { mode: 0o600 })

describe('holdWithin', () => {
  const found: readonly [string, string][] = [
    ['', ''],
    ['dir/file', 'dir/file'],
    ['dir/../dir/./file', 'dir/file'],
    ['link', 'dir/file'],
    ['absolute/file', 'dir/file'],
  ]
  for (const [path, expected] of found) {
    it(`finds "${path}"`, async () => {
      await using held = await holdWithin(volume, path, 0o755)
      assert.equal(fs.readlinkSync(held.path), join(volume, expected))
      assert.equal(held.kind, expected.endsWith('file') ? 'file' : 'folder')
    })
  }
  it('makes what is missing with the given mode', async () => {
    await using held = await holdWithin(volume, 'new/er', 0o2777)
    assert.equal(fs.readlinkSync(held.path), `${volume}/new/er`)
    assert.equal(fs.statSync(`${volume}/new/er`).mode & 0o7777, 0o2777)
  })
  const refused: readonly [string, RegExp][] = [
    ['up/file', /leads out of/],
    ['out/passwd', /leads out of/],
    ['dir/../..', /leads out of/],
    ['loop', /too many links/],
    ['x/y', /goes through "x", which is not a folder/],
  ]
  for (const [path, message] of refused) {
    it(`refuses "${path}"`, async () => assert.rejects(holdWithin(volume, path, 0o755), { message }))
  }
  it('leaves nothing open', async () => {
    const before = fs.readdirSync('/proc/self/fd').length
    for (const [path] of [...found, ...refused]) {
      await holdWithin(volume, path, 0o755).then(
        (held) => held[Symbol.asyncDispose](),
        () => {},
      )
    }
    assert.equal(fs.readdirSync('/proc/self/fd').length, before)
  })
  it('is never led out by links that change while it looks', async () => {
    const put = (name: string, make: (path: string) => void): void => {
      make(`${volume}/next`)
      fs.renameSync(`${volume}/next`, `${volume}/${name}`)
    }
    // A folder's name leads in and out in turn, and a file's name is a file and a link.
    const states: readonly (() => void)[] = [
      () => put('raced', (path) => fs.symlinkSync('dir', path)),
      () => put('raced', (path) => fs.symlinkSync('../outside', path)),
      () => put('dir/file', (path) => fs.symlinkSync('../../outside/file', path)),
      () => put('dir/file', (path) => fs.writeFileSync(path, 'inside')),
    ]
    states[0]!()
    let turns = 0
    let isSwapping = true
    const swap = async (): Promise<void> => {
      while (isSwapping) {
        states[turns++ % states.length]!()
        // Some steps of a look happen between the swaps.
        await new Promise(setImmediate)
      }
    }
    const swapping = swap()
    const outcomes = { inside: 0, refused: 0 }
    for (let index = 0; index < 2_000; index++) {
      try {
        await using held = await holdWithin(volume, 'raced/file', 0o755)
        if (held.kind === 'file') assert.equal(fs.readFileSync(held.path, 'utf8'), 'inside')
        outcomes.inside++
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        outcomes.refused++
      }
    }
    isSwapping = false
    await swapping
    assert.ok(turns > 0 && outcomes.inside > 0 && outcomes.refused > 0, JSON.stringify({ turns, ...outcomes }))
  })
})

describe('changeGroupBelow', () => {
  it('changes files and folders, and nothing that links lead to', async () => {
    const tree = `${root}/tree`
    fs.mkdirSync(`${tree}/inner`, { recursive: true, mode: 0o700 })
    fs.writeFileSync(`${tree}/inner/file`, '', { mode: 0o640 })
    fs.symlinkSync('../outside/file', `${tree}/leads-out`)
    fs.symlinkSync('../outside', `${tree}/folder-out`)
    let counted = 0
    const gid = process.getgid!()
    await changeGroupBelow(
      tree,
      { gid, fileMode: 0o660, folderMode: 0o2770 },
      { counted: () => counted++, failed: (_, error) => assert.fail(String(error)) },
    )
    const modeOf = (path: string): number => fs.statSync(path).mode & 0o7777
    assert.deepEqual(
      [modeOf(tree), modeOf(`${tree}/inner`), modeOf(`${tree}/inner/file`), modeOf(`${root}/outside/file`)],
      [0o2770, 0o2770, 0o660, 0o600].map((mode, index) => (index === 0 ? mode | (modeOf(tree) & 0o7) : mode)),
    )
    assert.equal(counted, 5)
  })
})
