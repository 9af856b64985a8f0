/**
 * The calls below `Files`, made in two ways: by threads beside, which is right for disks, or at once. What lies in memory
 * never lets a caller wait, and to have a thread do it takes several times what it costs.
 */
import * as fs from 'node:fs'
import type { Stats } from 'node:fs'
import * as promises from 'node:fs/promises'

/** What is used of an open file. */
export interface OpenFile {
  stat(): Promise<Pick<Stats, 'size'>>
  readFile(): Promise<Buffer>
  writeFile(data: string | Uint8Array): Promise<void>
  chown(uid: number, gid: number): Promise<void>
  chmod(mode: number): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

/** What is used of `node:fs/promises`. */
export interface FileCalls {
  lstat(path: string): Promise<Stats>
  open(path: string, flags: string, mode?: number): Promise<OpenFile>
  readdir(path: string): Promise<string[]>
  readlink(path: string): Promise<string>
  mkdir(path: string, options: { readonly recursive: true; readonly mode?: number }): Promise<unknown>
  chmod(path: string, mode: number): Promise<void>
  lchown(path: string, uid: number, gid: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  link(existing: string, path: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  unlink(path: string): Promise<void>
  rmdir(path: string): Promise<void>
  rm(path: string, options: { readonly recursive: boolean; readonly force: true }): Promise<void>
}

/** By threads beside: the caller's thread never waits. */
export const threadedCalls: FileCalls = promises

/** At once, in the caller's thread. */
export const immediateCalls: FileCalls = {
  lstat: immediate((path: string) => fs.lstatSync(path)),
  open: immediate((path: string, flags: string, mode?: number) => openNow(path, flags, mode)),
  readdir: immediate((path: string) => fs.readdirSync(path)),
  readlink: immediate((path: string) => fs.readlinkSync(path)),
  mkdir: immediate(fs.mkdirSync),
  chmod: immediate(fs.chmodSync),
  lchown: immediate(fs.lchownSync),
  rename: immediate(fs.renameSync),
  link: immediate(fs.linkSync),
  symlink: immediate((target: string, path: string) => fs.symlinkSync(target, path)),
  unlink: immediate(fs.unlinkSync),
  rmdir: immediate((path: string) => fs.rmdirSync(path)),
  rm: immediate(fs.rmSync),
}

function openNow(path: string, flags: string, mode?: number): OpenFile {
  const file = fs.openSync(path, flags, mode)
  return {
    stat: immediate(() => fs.fstatSync(file)),
    readFile: immediate(() => fs.readFileSync(file)),
    writeFile: immediate((data: string | Uint8Array) => fs.writeFileSync(file, data)),
    chown: immediate((uid: number, gid: number) => fs.fchownSync(file, uid, gid)),
    chmod: immediate((mode: number) => fs.fchmodSync(file, mode)),
    sync: immediate(() => fs.fsyncSync(file)),
    close: immediate(() => fs.closeSync(file)),
  }
}

/** The same as a promise, which says what was thrown. */
function immediate<Arguments extends unknown[], Result>(
  call: (...given: Arguments) => Result,
): (...given: Arguments) => Promise<Result> {
  return async (...given) => call(...given)
}
