/** Packet filter rules, by nft: one text, one transaction. */
import { NftSession } from './nftSession.ts'
import { CommandError, silentIfNotFound } from './process.ts'
import type { CommandResult, Processes } from './process.ts'

export interface NftTable {
  readonly family: string
  readonly name: string
}

export interface Nft {
  /**
   * Applies a rule text as one transaction: all of it or, with an error that says which line, nothing. A long text may come
   * in pieces of whole lines. What of a text has arrived is applied also when we are killed before the rest has: a text of
   * more than `safeTextBytes` must not be valid before its end, such as one that is all within braces.
   */
  apply(ruleset: string | Iterable<string>, signal?: AbortSignal): Promise<void>
  tables(signal?: AbortSignal): Promise<readonly NftTable[]>
  /**
   * The rules of one table as text, or undefined when there is no such table. With `only`, those of one of its sets or maps
   * where that is less work.
   */
  describe(
    table: NftTable & { readonly only?: { readonly kind: 'set' | 'map'; readonly name: string } },
    signal?: AbortSignal,
  ): Promise<string | undefined>
  /**
   * From now on until disposed, one nft waits for short texts whose lines are commands of their own, which then take a
   * fraction of the time. Absent where there is nothing to gain.
   */
  stayReady?(): AsyncDisposable
}

/** So much is written at once, and so arrives as a whole or not at all. */
export const safeTextBytes = 48 * 1024

/**
 * Most sets, maps and chains in one text. The kernel walks a list of a table's sets (anonymous ones too) for each batch of
 * elements; a transaction with tens of thousands has locked a processor for minutes.
 */
export const maxSetsAndChains = 5_000

/** How many sets, maps and chains a rule text makes, counting the sets that rules write in braces. */
export function countSetsAndChains(ruleset: string): number {
  let count = 0
  for (const line of ruleset.split('\n')) {
    // Elements are most of a text; they make nothing.
    if (/^\s*(?:elements\s*=|(?:(?:add|create|delete)\s+)?element\s)/.test(line)) continue
    const text = line.replace(/#.*$/, '').trim()
    if (/^(?:(?:add|create)\s+)?(?:set|map|chain|flowtable)\s/.test(text)) {
      count++
    } else if (
      !/^(?:(?:add|create|delete)\s+)?(?:table|element)\s/.test(text) &&
      !/^(?:elements\s*=|type\s|flags\s)/.test(text)
    ) {
      count += text.match(/\{/g)?.length ?? 0
    }
  }
  return count
}

/** The rules of our own network namespace, or of the one bound to `namespaceFile`. */
export function systemNft(processes: Processes, namespaceFile?: string): Nft {
  const prefix = namespaceFile === undefined ? [] : ['nsenter', `--net=${namespaceFile}`]
  const timeoutMs = 60_000
  const refuse = (argv: readonly string[], stderr: string, result: CommandResult): never => {
    throw new CommandError(argv, stderr.trim().slice(0, 2000), result)
  }
  let users = 0
  let session: NftSession | undefined
  let isInteractive = true
  /** False where this nft takes no lines. */
  const askSession = async (line: string, signal?: AbortSignal): Promise<boolean> => {
    if (session?.isOver !== false) {
      void session?.[Symbol.asyncDispose]()
      session = new NftSession([...prefix, 'nft', '-i'])
    }
    const asked = session
    let complaint: string
    try {
      complaint = await asked.ask(line, timeoutMs, signal)
    } catch (error) {
      if (!/interactive CLI not supported/.test(String(error))) throw error
      isInteractive = false
      return false
    }
    if (complaint !== '' && !complaint.startsWith('Warning: '))
      refuse([...prefix, 'nft', line], complaint, { code: 1, stdout: '', stderr: complaint })
    return true
  }
  return {
    apply: async (ruleset, signal) => {
      const isWhole = typeof ruleset === 'string'
      const argv = [...prefix, 'nft', '-f', '-']
      if (isWhole) refuseTooMany(ruleset, 0)
      const line = users > 0 && isInteractive && isWhole ? onOneLine(ruleset) : undefined
      if (line !== undefined && (await askSession(line, signal))) return
      const input = isWhole ? ruleset : countPieces(ruleset)
      const result = await processes.run(argv, { input, timeoutMs }, signal)
      if (result.code !== 0) refuse(argv, result.stderr, result)
    },
    stayReady: () => {
      users++
      return {
        [Symbol.asyncDispose]: async () => {
          if (--users > 0) return
          const last = session
          session = undefined
          await last?.[Symbol.asyncDispose]()
        },
      }
    },
    tables: async (signal) => {
      const argv = [...prefix, 'nft', 'list', 'tables']
      const result = await silentIfNotFound(processes.run(argv, {}, signal))
      if (result.code !== 0) throw new CommandError(argv, result.stderr.trim(), result)
      return parseTables(result.stdout)
    },
    describe: async (table, signal) => {
      const { family, name, only } = table
      const words = only === undefined ? ['table', family, name] : [only.kind, family, name, only.name]
      const argv = [...prefix, ...inLargePieces, ...words]
      const { stdout, stderr } = await processes.run(argv, { timeoutMs, maxOutputBytes: 64 * 1024 * 1024 }, signal)
      if (stdout === '') return undefined
      // The rest of it would pass for what somebody has taken away.
      if (!stdout.endsWith('}\n'))
        throw new CommandError(argv, stderr.trim().slice(0, 2000) || 'it ended in the middle')
      return stdout
    },
  }
}

/**
 * nft writes each word that it prints by itself, a million for 30,000 services: each would wake us. It says why it prints nothing, and
 * how it ended is not to be seen past a pipe.
 */
const inLargePieces = ['sh', '-c', 'nft list "$@" | dd obs=128K status=none', 'nft']

/** In few pieces: each waits until there is room for it. */
const pieceLength = 128 * 1024

function* countPieces(pieces: Iterable<string>): Generator<string> {
  let count = 0
  let gathered = ''
  for (const piece of pieces) {
    count = refuseTooMany(piece, count)
    gathered += piece
    if (gathered.length < pieceLength) continue
    yield gathered
    gathered = ''
  }
  if (gathered !== '') yield gathered
}

/** The commands of a short text as one line; nothing when some of them need several lines. */
function onOneLine(text: string): string | undefined {
  if (text.length > safeTextBytes) return undefined
  const lines = text.trimEnd().split('\n')
  const isCommand = (line: string): boolean => /^(?:add|create|delete|flush) [^#"\\]*$/.test(line) && areClosed(line)
  return lines.every(isCommand) ? lines.join(' ; ') : undefined
}

const areClosed = (line: string): boolean => line.split('{').length === line.split('}').length

/** The number of sets and chains with this text's, unless that is too many. */
function refuseTooMany(text: string, before: number): number {
  const count = before + countSetsAndChains(text)
  if (count <= maxSetsAndChains) return count
  throw new RangeError(
    `Cannot apply nft rules: ${count} sets and chains, at most ${maxSetsAndChains} are safe for the kernel`,
  )
}

/**
 * Tells each change of any rules, line by line as `nft monitor` prints it: what was changed, and after each transaction
 * `# new generation …`. Ends when nft does, also after so much output that it had better begin anew.
 */
export async function watchRules(
  processes: Processes,
  onLine: (line: string) => void,
  signal: AbortSignal,
  namespaceFile?: string,
): Promise<void> {
  const prefix = namespaceFile === undefined ? [] : ['nsenter', `--net=${namespaceFile}`]
  // It would wait for the next change when we are killed, and keep its namespace until then.
  const argv = [...prefix, 'setpriv', '--pdeathsig', 'KILL', 'nft', 'monitor']
  let rest = ''
  const onOutput = (text: string): void => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) onLine(line)
  }
  const result = await processes.run(
    argv,
    { onOutput, timeoutMs: 24 * 3_600_000, maxOutputBytes: 8 * 1024 * 1024 },
    signal,
  )
  if (result.code !== 0) throw new CommandError(argv, result.stderr.trim().slice(0, 2000), result)
}

/** Reads lines like `table ip kube`. */
export function parseTables(text: string): NftTable[] {
  const tables: NftTable[] = []
  for (const line of text.split('\n')) {
    const [, family, name] = /^table (\S+) (\S+)$/.exec(line.trim()) ?? []
    if (family !== undefined && name !== undefined) tables.push({ family, name })
  }
  return tables
}

/** Remembers every text applied; knows the tables that the texts add and delete, not their rules. */
export function fakeNft(): Nft & { readonly applied: string[] } {
  const applied: string[] = []
  const tables = new Map<string, NftTable>()
  return {
    applied,
    apply: async (given) => {
      const ruleset = typeof given === 'string' ? given : [...given].join('')
      const count = countSetsAndChains(ruleset)
      if (count > maxSetsAndChains) throw new RangeError(`Cannot apply nft rules: ${count} sets and chains`)
      applied.push(ruleset)
      for (const [, word, family, name] of ruleset.matchAll(
        /^\s*(?:(add|create|delete|destroy)\s+)?table\s+(\S+)\s+(\S+)/gm,
      )) {
        if (family === undefined || name === undefined) continue
        if (word === 'delete' || word === 'destroy') tables.delete(`${family} ${name}`)
        else tables.set(`${family} ${name}`, { family, name })
      }
    },
    tables: async () => [...tables.values()],
    describe: async ({ family, name }) =>
      tables.has(`${family} ${name}`) ? `table ${family} ${name} {\n}\n` : undefined,
  }
}
