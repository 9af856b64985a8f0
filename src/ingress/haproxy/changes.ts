/**
 * From what a process serves to what it should: pure. What only concerns servers, maps and certificates becomes commands for the
 * running process; anything else needs a new one.
 */
import type { Compiled, ServerEntry } from './compile.ts'
import { certificateLine, isSameConfiguration, mapFiles } from './configuration.ts'
import type { ConfigurationOptions } from './configuration.ts'
import type { MapEntry } from './matching.ts'

/** One line for the runtime interface, and the text that follows it. */
export interface Command {
  readonly line: string
  readonly payload?: string
  /** Whether its answer has several lines, so that no other command may be told with it. */
  readonly alone?: true
  /** What the answer must be; nothing at all when absent. */
  readonly answer?: RegExp
}

export interface MapChange {
  /** The name of the map's file. */
  readonly file: string
  readonly entries: readonly MapEntry[]
  /** What differs, when those can be changed one by one: everything is told at once otherwise. */
  readonly commands?: readonly Command[]
}

export interface Changes {
  readonly certificates: readonly Command[]
  readonly servers: readonly Command[]
  readonly maps: readonly MapChange[]
  /** After everything that is new serves: what gets no new requests. */
  readonly withdrawals: readonly Command[]
  /** Servers that go away, as `section/server`; they may be deleted once their last request has ended. */
  readonly leaving: readonly string[]
  readonly cleanUp: readonly Command[]
  /** The same about servers for workers that were replaced, whatever they know of them. */
  readonly forOldWorkers: readonly string[]
}

/** More single changes than these take longer than the whole map in one transaction. */
const mostSingleChanges = 50
const silent = /^$/

/**
 * The changes that lead from one to the other in a running process; undefined when they cannot. `leaving` are servers that went
 * away before and may still be known to the process.
 */
export function planChanges(
  before: Compiled,
  after: Compiled,
  leaving: ReadonlySet<string>,
  options: ConfigurationOptions,
): Changes | undefined {
  if (before.sections !== after.sections) {
    if (!isSameConfiguration(before, after, options)) return undefined
    if (!sameFiles(before, after)) return undefined
  }
  const certificates = planCertificates(before, after, options.folder)
  if (certificates === undefined) return undefined
  return { ...planServers(before, after, leaving), maps: planMaps(before, after, options.folder), ...certificates }
}

export function isNothing({ certificates, servers, maps, withdrawals, cleanUp }: Changes): boolean {
  return [certificates, servers, maps, withdrawals, cleanUp].every((list) => list.length === 0)
}

/** Files that a process reads at its start have names that say their content. */
function sameFiles(before: Compiled, after: Compiled): boolean {
  return [...after.files.keys()].every((name) => before.files.has(name))
}

function planServers(
  before: Compiled,
  after: Compiled,
  leaving: ReadonlySet<string>,
): Pick<Changes, 'servers' | 'withdrawals' | 'leaving' | 'forOldWorkers'> {
  const servers: Command[] = []
  const withdrawals: Command[] = []
  const gone: string[] = []
  const forOldWorkers: string[] = []
  for (const [section, { servers: wanted, options }] of after.pools) {
    const had = before.pools.get(section)!.servers
    if (had === wanted) continue
    const known = new Set(had.map(({ name }) => name))
    const kept = new Set(wanted.map(({ name }) => name))
    for (const server of wanted) {
      const place = `${section}/${server.name}`
      if (known.has(server.name)) continue
      const added = addServer(section, server, options)
      forOldWorkers.push(...added.map(({ line }) => line))
      if (leaving.has(place)) servers.push({ line: `set server ${place} state ready` })
      else servers.push(...added)
    }
    for (const { name } of had) {
      if (kept.has(name)) continue
      // Not `drain`: clients that stick to it would go on coming.
      const line = `set server ${section}/${name} state maint`
      withdrawals.push({ line })
      forOldWorkers.push(line)
      gone.push(`${section}/${name}`)
    }
  }
  return { servers, withdrawals, leaving: gone, forOldWorkers }
}

function addServer(section: string, { name, address, id }: ServerEntry, options: string): readonly Command[] {
  return [
    { line: `add server ${section}/${name} ${address} id ${id} ${options}`, answer: /^New server registered\.$/ },
    { line: `enable server ${section}/${name}` },
  ]
}

function planMaps(before: Compiled, after: Compiled, folder: string): readonly MapChange[] {
  const had = mapFiles(before)
  const changes: MapChange[] = []
  for (const [file, entries] of mapFiles(after)) {
    const old = had.get(file) ?? []
    if (sameEntries(old, entries)) continue
    const commands = singleChanges(`${folder}/${file}`, old, entries)
    // In maps of patterns and of ends of names the order counts.
    const isOrdered = file !== 'paths.map' && file !== 'cookies.map'
    changes.push({ file, entries, ...(commands === undefined || isOrdered ? {} : { commands }) })
  }
  return changes
}

const sameEntries = (a: readonly MapEntry[], b: readonly MapEntry[]): boolean =>
  a === b || (a.length === b.length && a.every(([key, value], at) => key === b[at]![0] && value === b[at]![1]))

/** What has a meaning on a line of commands is told in payloads only. */
const isPlain = (text: string): boolean => /^[A-Za-z0-9_.\-/*:?!\x7f]+$/.test(text)

function singleChanges(
  path: string,
  before: readonly MapEntry[],
  after: readonly MapEntry[],
): readonly Command[] | undefined {
  const had = new Map(before)
  const wanted = new Map(after)
  const commands: Command[] = []
  const add = (words: readonly string[]): boolean => {
    if (commands.length >= mostSingleChanges || !words.every(isPlain)) return false
    const [verb, ...rest] = words
    commands.push({ line: `${verb} map ${path} ${rest.join(' ')}` })
    return true
  }
  for (const [key, value] of wanted) {
    const old = had.get(key)
    if (old !== value && !add([old === undefined ? 'add' : 'set', key, value])) return undefined
  }
  for (const key of had.keys()) if (!wanted.has(key) && !add(['del', key])) return undefined
  return commands
}

function planCertificates(
  before: Compiled,
  after: Compiled,
  folder: string,
): Pick<Changes, 'certificates' | 'cleanUp'> | undefined {
  const list = `${folder}/certificates.list`
  const commands: Command[] = []
  const cleanUp: Command[] = []
  const put = (path: string, pem: string): void => {
    commands.push(
      { line: `set ssl cert ${path}`, payload: pem, answer: /^Transaction (created|updated) for certificate / },
      { line: `commit ssl cert ${path}`, alone: true, answer: /Success!$/ },
    )
  }
  for (const [name, listed] of after.certificates) {
    if (before.certificates.has(name)) continue
    // A process only knows the authorities that it began with.
    if (listed.options !== undefined) return undefined
    commands.push({ line: `new ssl cert ${folder}/${name}`, answer: /^New empty certificate store/ })
    put(`${folder}/${name}`, listed.pem)
    commands.push({
      line: `add ssl crt-list ${list}`,
      payload: `${certificateLine(folder, name, listed)}\n`,
      answer: /Success!$/,
    })
  }
  if (after.defaultCertificate !== undefined && after.defaultCertificate !== before.defaultCertificate)
    put(`${folder}/default.pem`, after.defaultCertificate)
  for (const name of before.certificates.keys()) {
    if (after.certificates.has(name)) continue
    cleanUp.push(
      { line: `del ssl crt-list ${list} ${folder}/${name}`, alone: true, answer: /deleted in crtlist/ },
      { line: `del ssl cert ${folder}/${name}`, alone: true, answer: /deleted!$/ },
    )
  }
  return { certificates: commands, cleanUp }
}

/** Commands without payload are told several at a time; `silent` answers are what success is. */
export const expectedAnswer = (command: Command): RegExp => command.answer ?? silent
