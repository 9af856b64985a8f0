/**
 * A file of lines that is put aside when it is large, under the time at which that happened: `audit.log` becomes
 * `audit-2026-01-31T09-30-00.000.log`, and an empty `audit.log` begins. Old ones are removed by number and by age.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { Clock } from '#lib/clock.ts'

export interface RotatingFileOptions {
  readonly path: string
  readonly clock: Clock
  /** The file is put aside before it becomes larger. */
  readonly largestBytes: number
  /** Files put aside that are kept; 0: any number. */
  readonly mostFiles: number
  /** Milliseconds for which they are kept; 0: for ever. */
  readonly longestAge: number
}

export class RotatingFile {
  readonly #options: RotatingFileOptions
  #file: number | undefined
  #size = 0

  /** Opens the file, to go on where it ends. Throws when that cannot be. */
  constructor(options: RotatingFileOptions) {
    this.#options = options
    mkdirSync(dirname(options.path), { recursive: true })
    this.#open()
  }

  /** Adds text that ends with a line break. Throws when it could not be written as a whole. */
  write(text: string): void {
    const bytes = Buffer.from(text)
    if (this.#size > 0 && this.#size + bytes.length > this.#options.largestBytes) this.#rotate()
    const file = this.#file ?? this.#open()
    for (let at = 0; at < bytes.length;) {
      const written = writeSync(file, bytes, at)
      at += written
      this.#size += written
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #open(): number {
    this.#file = openSync(this.#options.path, 'a', 0o600)
    this.#size = fstatSync(this.#file).size
    return this.#file
  }

  #rotate(): void {
    const { path, clock } = this.#options
    this.close()
    const { folder, stem, extension } = partsOf(path)
    const taken = new Set(readdirSync(folder))
    // Two of the same moment get moments of their own.
    let moment = clock.now()
    while (taken.has(nameAt(stem, moment, extension))) moment++
    renameSync(path, join(folder, nameAt(stem, moment, extension)))
    this.#prune()
    this.#open()
  }

  #prune(): void {
    const { path, clock, mostFiles, longestAge } = this.#options
    const { folder, stem, extension } = partsOf(path)
    const aside = readdirSync(folder)
      .flatMap((name) => {
        const moment = momentOf(name, stem, extension)
        return moment === undefined ? [] : [{ name, moment }]
      })
      .toSorted((one, other) => other.moment - one.moment)
    for (const [index, { name, moment }] of aside.entries()) {
      const isOld = longestAge > 0 && moment < clock.now() - longestAge
      if (isOld || (mostFiles > 0 && index >= mostFiles)) rmSync(join(folder, name), { force: true })
    }
  }
}

function partsOf(path: string): { readonly folder: string; readonly stem: string; readonly extension: string } {
  const extension = extname(path)
  return { folder: dirname(path), stem: basename(path, extension), extension }
}

function nameAt(stem: string, moment: number, extension: string): string {
  const text = new Date(moment).toISOString().slice(0, 23).replaceAll(':', '-')
  return `${stem}-${text}${extension}`
}

/** The moment in the name of a file that was put aside; undefined for any other file. */
function momentOf(name: string, stem: string, extension: string): number | undefined {
  if (!name.startsWith(`${stem}-`) || !name.endsWith(extension)) return undefined
  const text = name.slice(stem.length + 1, name.length - extension.length)
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2})-(\d{2})-(\d{2}\.\d{3})$/.exec(text)
  if (match === null) return undefined
  const moment = Date.parse(`${match[1]}:${match[2]}:${match[3]}Z`)
  return Number.isNaN(moment) ? undefined : moment
}
