/**
 * The file that says what goes into an image:
 *
 *   from: busybox:1.35              # another image, an archive (./base.tar), or scratch (the default)
 *   packages: [nginx, nginx-common] # Debian packages to take files from; nothing is installed
 *   copy:
 *     - from: /usr/sbin/nginx       # from a package, else from this machine, else beside the build file (relative)
 *       withLibraries: true         # and the shared libraries that it needs, from what the packages depend on too
 *   files:
 *     - { path: /etc/passwd, text: "root:x:0:0:root:/root:/bin/sh\n" }
 *   folders: [{ path: /tmp, mode: "1777" }]
 *   links: { /bin/sh: busybox }
 *   env: { PATH: /usr/sbin:/bin }
 *   entrypoint: [nginx]
 *   cmd: [-g, daemon off;]
 *   ports: [80]
 */
import { parseDocument } from 'yaml'

import { imagePathProblem } from './layer.ts'

export interface Ownership {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

export interface CopyStep extends Ownership {
  readonly from: string
  /** The same path as `from` unless told. */
  readonly to: string
  readonly withLibraries: boolean
  /** Whether every name that the program lists with `--list-full` (busybox) becomes a link to it. */
  readonly withApplets: boolean
}

export interface BuildFile {
  /** Names for the image when none is given on the command line. */
  readonly names: readonly string[]
  readonly from: string
  readonly packages: readonly string[]
  readonly copy: readonly CopyStep[]
  readonly files: readonly (Ownership & { readonly path: string; readonly text: string })[]
  readonly folders: readonly (Ownership & { readonly path: string })[]
  readonly links: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly user?: string
  readonly workdir?: string
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  readonly ports: readonly string[]
  readonly stopSignal?: string
}

/** What is wrong with a build file; `message` lists every problem with its place. */
export class BuildFileError extends Error {
  override name = 'BuildFileError'
}

export const maxBuildFileBytes = 1024 * 1024

/** Reads a build file in YAML or JSON; throws BuildFileError with all that is wrong with it. */
export function parseBuildFile(text: string): BuildFile {
  if (Buffer.byteLength(text) > maxBuildFileBytes)
    throw new BuildFileError(`Cannot read the build file: it is larger than ${maxBuildFileBytes} bytes`)
  const document = parseDocument(text, { uniqueKeys: true })
  const [syntax] = document.errors
  if (syntax !== undefined) throw new BuildFileError(`Cannot read the build file: ${syntax.message.split('\n')[0]}`)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new BuildFileError(`Cannot read the build file: ${(error as Error).message}`, { cause: error })
  }
  const reader = new Reader()
  const file = readBuildFile(reader, value)
  if (reader.problems.length > 0) throw new BuildFileError(`Cannot use the build file: ${reader.problems.join('; ')}`)
  return file
}

/** Turns unknown values into known ones and notes where they do not fit. */
class Reader {
  readonly problems: string[] = []

  fail(place: string, problem: string): undefined {
    this.problems.push(`${place}: ${problem}`)
    return undefined
  }
  fields(value: unknown, place: string, known: readonly string[]): Readonly<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.fail(place, 'must be a mapping')
      return {}
    }
    for (const key of Object.keys(value))
      if (!known.includes(key)) this.fail(place === '.' ? key : `${place}.${key}`, 'unknown field')
    return value as Record<string, unknown>
  }
  text(value: unknown, place: string): string | undefined {
    if (value === undefined || typeof value === 'string') return value
    // Unquoted numbers are meant as they are written.
    return typeof value === 'number' ? String(value) : this.fail(place, 'must be text')
  }
  path(value: unknown, place: string): string {
    const text = this.text(value, place)
    if (text === undefined || text === '') {
      if (value === undefined || text === '') this.fail(place, 'is required')
      return '/'
    }
    const problem = imagePathProblem(text)
    if (problem !== undefined) this.fail(place, problem)
    return text
  }
  flag(value: unknown, place: string): boolean {
    if (value !== undefined && typeof value !== 'boolean') this.fail(place, 'must be true or false')
    return value === true
  }
  list<T>(value: unknown, place: string, read: (item: unknown, place: string) => T): T[] {
    if (value === undefined) return []
    if (Array.isArray(value)) return value.map((item, index) => read(item, `${place}[${index}]`))
    this.fail(place, 'must be a list')
    return []
  }
  texts(value: unknown, place: string): string[] {
    return this.list(
      value,
      place,
      (item, where) =>
        (item === undefined || item === null ? this.fail(where, 'must be text') : this.text(item, where)) ?? '',
    )
  }
  map(value: unknown, place: string): Record<string, string> {
    if (value === undefined) return {}
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.fail(place, 'must be a mapping')
      return {}
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.text(item, `${place}.${key}`) ?? '']),
    )
  }
  ownership(fields: Readonly<Record<string, unknown>>, place: string): Ownership {
    const mode = this.text(fields.mode, `${place}.mode`)
    const owner = this.text(fields.owner, `${place}.owner`)
    if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode))
      this.fail(`${place}.mode`, 'must be three or four octal digits in quotes')
    const [uid, gid] = owner === undefined ? [] : (/^(\d{1,9}):(\d{1,9})$/.exec(owner)?.slice(1).map(Number) ?? [])
    if (owner !== undefined && uid === undefined) this.fail(`${place}.owner`, 'must look like "101:101"')
    return {
      ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
      ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
    }
  }
}

const topFields = [
  'name',
  'names',
  'from',
  'packages',
  'copy',
  'files',
  'folders',
  'links',
  'env',
  'labels',
  'user',
  'workdir',
  'entrypoint',
  'cmd',
  'ports',
  'stopSignal',
] as const

function readBuildFile(reader: Reader, value: unknown): BuildFile {
  const top = reader.fields(value, '.', topFields)
  const user = reader.text(top.user, 'user')
  const workdir = top.workdir === undefined ? undefined : reader.path(top.workdir, 'workdir')
  const stopSignal = reader.text(top.stopSignal, 'stopSignal')
  const name = reader.text(top.name, 'name')
  return {
    names: [...(name === undefined ? [] : [name]), ...reader.texts(top.names, 'names')],
    from: reader.text(top.from, 'from') ?? 'scratch',
    packages: reader.list(top.packages, 'packages', (item, place) => {
      const text = reader.text(item, place) ?? ''
      // The alphabet of Debian's policy; it also keeps options out of command lines.
      if (!/^[a-z0-9][a-z0-9+.-]+$/.test(text)) reader.fail(place, 'must be the name of a Debian package')
      return text
    }),
    copy: reader.list(top.copy, 'copy', (item, place) => {
      const fields = reader.fields(item, place, ['from', 'to', 'withLibraries', 'withApplets', 'mode', 'owner'])
      const from = reader.text(fields.from, `${place}.from`) ?? ''
      if (from === '') reader.fail(`${place}.from`, 'is required')
      if (!from.startsWith('/') && fields.to === undefined)
        reader.fail(`${place}.to`, 'is required when from is relative')
      return {
        from,
        to: fields.to === undefined ? from : reader.path(fields.to, `${place}.to`),
        withLibraries: reader.flag(fields.withLibraries, `${place}.withLibraries`),
        withApplets: reader.flag(fields.withApplets, `${place}.withApplets`),
        ...reader.ownership(fields, place),
      }
    }),
    files: reader.list(top.files, 'files', (item, place) => {
      const fields = reader.fields(item, place, ['path', 'text', 'mode', 'owner'])
      if (fields.text === undefined) reader.fail(`${place}.text`, 'is required')
      return {
        path: reader.path(fields.path, `${place}.path`),
        text: reader.text(fields.text, `${place}.text`) ?? '',
        ...reader.ownership(fields, place),
      }
    }),
    folders: reader.list(top.folders, 'folders', (item, place) => {
      const fields = reader.fields(item, place, ['path', 'mode', 'owner'])
      return { path: reader.path(fields.path, `${place}.path`), ...reader.ownership(fields, place) }
    }),
    links: readLinks(reader, top.links),
    env: readEnvironment(reader, top.env),
    labels: reader.map(top.labels, 'labels'),
    ports: reader.list(top.ports, 'ports', (item, place) => {
      const [, port, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(reader.text(item, place) ?? '') ?? []
      if (port === undefined || Number(port) < 1 || Number(port) > 65_535)
        reader.fail(place, 'must be a port such as 80 or "53/udp"')
      return `${port}/${protocol}`
    }),
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(stopSignal === undefined ? {} : { stopSignal }),
    ...(top.entrypoint === undefined ? {} : { entrypoint: reader.texts(top.entrypoint, 'entrypoint') }),
    ...(top.cmd === undefined ? {} : { cmd: reader.texts(top.cmd, 'cmd') }),
  }
}

function readLinks(reader: Reader, value: unknown): Record<string, string> {
  const links = reader.map(value, 'links')
  for (const [path, target] of Object.entries(links)) {
    reader.path(path, `links.${path}`)
    if (target === '') reader.fail(`links.${path}`, 'is required')
  }
  return links
}

function readEnvironment(reader: Reader, value: unknown): Record<string, string> {
  const env = reader.map(value, 'env')
  for (const key of Object.keys(env))
    if (key === '' || key.includes('=')) reader.fail(`env.${key}`, 'a name must not be empty or contain "="')
  return env
}
