/** Packet filter rules, by nft: one text, one transaction. */
import { CommandError } from './process.ts'
import type { Processes } from './process.ts'

export interface NftTable {
  readonly family: string
  readonly name: string
}

export interface Nft {
  /** Applies a rule text as one transaction: all of it or, with an error that says which line, nothing. */
  apply(ruleset: string, signal?: AbortSignal): Promise<void>
  tables(signal?: AbortSignal): Promise<readonly NftTable[]>
  /** The rules of one table as text, or undefined when there is no such table. */
  describe(table: NftTable, signal?: AbortSignal): Promise<string | undefined>
}

/**
 * Most sets, maps and chains in one text. The kernel walks a list of a table's sets (anonymous ones too) for each batch of
 * elements; a transaction with tens of thousands has locked a processor for minutes.
 */
export const maxSetsAndChains = 5_000

/** How many sets, maps and chains a rule text makes, counting the sets that rules write in braces. */
export function countSetsAndChains(ruleset: string): number {
  let count = 0
  for (const line of ruleset.split('\n')) {
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
  return {
    apply: async (ruleset, signal) => {
      const count = countSetsAndChains(ruleset)
      if (count > maxSetsAndChains) {
        throw new RangeError(
          `Cannot apply nft rules: ${count} sets and chains, at most ${maxSetsAndChains} are safe for the kernel`,
        )
      }
      const argv = [...prefix, 'nft', '-f', '-']
      const result = await processes.run(argv, { input: ruleset, timeoutMs: 60_000 }, signal)
      if (result.code !== 0) throw new CommandError(argv, result.stderr.trim().slice(0, 2000), result)
    },
    tables: async (signal) => {
      const argv = [...prefix, 'nft', 'list', 'tables']
      const result = await processes.run(argv, {}, signal)
      if (result.code !== 0) throw new CommandError(argv, result.stderr.trim(), result)
      return parseTables(result.stdout)
    },
    describe: async (table, signal) => {
      const result = await processes.run([...prefix, 'nft', 'list', 'table', table.family, table.name], {}, signal)
      return result.code === 0 ? result.stdout : undefined
    },
  }
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
    apply: async (ruleset) => {
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
