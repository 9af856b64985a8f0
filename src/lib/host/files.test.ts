import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'

import {
  fakeFiles,
  makePrivateFolder,
  setLongLogAside,
  readPidFile,
  systemFiles,
  systemMemoryFiles,
  takeLock,
  writePidFile,
} from './files.ts'
import type { Files } from './files.ts'
import { fakeProcesses } from './process.ts'

function filesContract(name: string, files: Files, root: string): void {
  describe(`${name} keeps the contract of Files`, () => {
    it('has nothing where nothing was written', async () => {
      assert.equal(await files.status(`${root}/none`), undefined)
      assert.equal(await files.read(`${root}/none`), undefined)
      assert.deepEqual(await files.list(`${root}/none`), [])
      await files.remove(`${root}/none`)
    })
    it('writes, replaces and lists', async () => {
      await files.makeFolder(`${root}/a/b`)
      await files.write(`${root}/a/b/two`, 'old', { mode: 0o600 })
      await files.write(`${root}/a/b/two`, 'new', { mode: 0o640, sync: true })
      await files.write(`${root}/a/b/one`, Buffer.from([1]))
      assert.equal(await files.readText(`${root}/a/b/two`), 'new')
      assert.deepEqual(await files.list(`${root}/a/b`), ['one', 'two'])
      const status = await files.status(`${root}/a/b/two`)
      assert.deepEqual([status?.kind, status?.mode, status?.size], ['file', 0o640, 3])
    })
    it('refuses to read more than allowed', async () => {
      await files.write(`${root}/large`, 'x'.repeat(100))
      await assert.rejects(files.read(`${root}/large`, 10), /100 bytes, at most 10 are allowed/)
    })
    it('does not write into a folder that is not there', async () => {
      await assert.rejects(files.write(`${root}/missing/file`, 'x'), { code: 'ENOENT' })
    })
    it('creates a file for only one', async () => {
      assert.equal(await files.createExclusive(`${root}/once`, '1'), true)
      assert.equal(await files.createExclusive(`${root}/once`, '2'), false)
      assert.equal(await files.readText(`${root}/once`), '1')
    })
    it('creates an empty file for only one, with its mode', async () => {
      assert.equal(await files.createExclusive(`${root}/empty/file`, '').catch(() => 'no folder'), 'no folder')
      await files.makeFolder(`${root}/empty`)
      assert.equal(await files.createExclusive(`${root}/empty/file`, '', { mode: 0o666 }), true)
      assert.equal(await files.createExclusive(`${root}/empty/file`, '', { mode: 0o600 }), false)
      assert.equal((await files.status(`${root}/empty/file`))?.mode, 0o666)
      assert.deepEqual(await files.list(`${root}/empty`), ['file'])
    })
    it('links, renames and removes trees', async () => {
      await files.makeFolder(`${root}/tree/deep`, 0o700)
      await files.write(`${root}/tree/deep/file`, 'x')
      await files.link('deep/file', `${root}/tree/link`)
      assert.equal(await files.readLink(`${root}/tree/link`), 'deep/file')
      assert.equal((await files.status(`${root}/tree/link`))?.kind, 'link')
      assert.equal(await files.readText(`${root}/tree/link`), 'x')
      await files.rename(`${root}/tree`, `${root}/moved`)
      assert.equal(await files.readText(`${root}/moved/deep/file`), 'x')
      await files.remove(`${root}/moved`)
      assert.equal(await files.status(`${root}/moved`), undefined)
    })
    it('removes a folder only when it is empty', async () => {
      await files.makeFolder(`${root}/full/empty`)
      await files.removeIfEmpty(`${root}/full`)
      assert.deepEqual(await files.list(`${root}/full`), ['empty'])
      await files.removeIfEmpty(`${root}/full/empty`)
      await files.removeIfEmpty(`${root}/full/empty`)
      assert.deepEqual(await files.list(`${root}/full`), [])
    })
    it('sets a log aside only when it is long', async () => {
      const log = `${root}/log`
      await setLongLogAside(files, log)
      await files.write(log, 'short')
      await setLongLogAside(files, log)
      assert.equal(await files.readText(log), 'short')
      await files.write(log, Buffer.alloc(8 * 1024 * 1024 + 1))
      await setLongLogAside(files, log)
      assert.deepEqual(
        [await files.status(log), (await files.status(`${log}.old`))?.size],
        [undefined, 8 * 1024 * 1024 + 1],
      )
      await files.remove(`${log}.old`)
    })
    it('keeps private folders private', async () => {
      const uid = (await files.status(root))?.uid ?? 0
      await makePrivateFolder(files, `${root}/secret`, uid)
      assert.equal((await files.status(`${root}/secret`))?.mode, 0o700)
      await assert.rejects(makePrivateFolder(files, `${root}/secret`, uid + 1), /belongs to user/)
      await files.link('secret', `${root}/detour`)
      await assert.rejects(makePrivateFolder(files, `${root}/detour`, uid), /not a folder/)
    })
    it('forgets dead processes in pid files and locks', async () => {
      const processes = fakeProcesses()
      processes.add({ pid: 7, startTicks: 70 })
      processes.add({ pid: 8, startTicks: 80 })
      await writePidFile(files, `${root}/pid`, { pid: 7, startTicks: 70 })
      assert.deepEqual(await readPidFile(files, processes, `${root}/pid`), { pid: 7, startTicks: 70 })
      await writePidFile(files, `${root}/pid`, { pid: 7, startTicks: 71 })
      assert.equal(await readPidFile(files, processes, `${root}/pid`), undefined)
      await files.write(`${root}/pid`, 'rubbish')
      assert.equal(await readPidFile(files, processes, `${root}/pid`), undefined)

      const first = await takeLock(files, processes, `${root}/lock`, { pid: 7, startTicks: 70 })
      assert.ok('release' in first)
      assert.deepEqual(await takeLock(files, processes, `${root}/lock`, { pid: 8, startTicks: 80 }), {
        heldBy: { pid: 7, startTicks: 70 },
      })
      processes.kill(7, 'SIGKILL')
      const second = await takeLock(files, processes, `${root}/lock`, { pid: 8, startTicks: 80 })
      assert.ok('release' in second)
      await second.release()
      assert.equal(await files.status(`${root}/lock`), undefined)
    })
  })
}

const folder = mkdtempSync(join(tmpdir(), 'files-test-'))
for (const name of ['threads', 'memory']) mkdirSync(join(folder, name))
after(() => rmSync(folder, { recursive: true }))
filesContract('systemFiles', systemFiles, `${folder}/threads`)
filesContract('systemMemoryFiles', systemMemoryFiles, `${folder}/memory`)
const memory = fakeFiles()
await memory.makeFolder('/root')
filesContract('fakeFiles', memory, '/root')
