/** For tests: a kernel in memory that takes the texts of nftText.ts, as strictly as the real one, and prints listings like it. */
import type { Nft } from '#lib/host/nft.ts'

interface MemoryTable {
  readonly sets: Map<string, Map<string, string>>
  readonly chains: Map<string, string[]>
  /** The most elements of sets that say so. */
  readonly sizes: Map<string, number>
}

export interface MemoryNft extends Nft {
  /** Every text that was taken. */
  readonly applied: string[]
  readonly state: Map<string, MemoryTable>
  /** When set, the next text is refused with it. */
  refuseWith?: string
}

export function memoryNft(): MemoryNft {
  const nft: MemoryNft = {
    applied: [],
    state: new Map(),
    apply: async (given) => {
      const text = typeof given === 'string' ? given : [...given].join('')
      if (nft.refuseWith !== undefined) {
        const reason = nft.refuseWith
        delete nft.refuseWith
        throw new Error(reason)
      }
      const next = structuredClone(nft.state)
      applyText(next, text)
      for (const table of next.values()) {
        checkReferences(table)
        checkSizes(table)
      }
      nft.state.clear()
      for (const [name, table] of next) nft.state.set(name, table)
      nft.applied.push(text)
    },
    tables: async () => [...nft.state.keys()].map((id) => ({ family: id.split(' ')[0]!, name: id.split(' ')[1]! })),
    describe: async ({ family, name, only }) => {
      const table = nft.state.get(`${family} ${name}`)
      if (table === undefined || (only !== undefined && !table.sets.has(only.name))) return undefined
      const shown =
        only === undefined
          ? table
          : { sets: new Map([[only.name, table.sets.get(only.name)!]]), chains: new Map(), sizes: new Map() }
      return printTable(`${family} ${name}`, shown)
    },
  }
  return nft
}

function applyText(state: Map<string, MemoryTable>, text: string): void {
  const lines = text.trimEnd().split('\n')
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
    const [, id] = /^table (\S+ \S+) \{$/.exec(line) ?? []
    if (id === undefined) {
      applyLine(state, line)
      continue
    }
    const end = lines.indexOf('}', at)
    if (end < 0) throw new Error('Syntax error, unexpected end of file')
    addBlocks(state, id, lines.slice(at + 1, end).join('\n'))
    at = end
  }
}

/** The sets, maps and chains between the braces of a table. */
function addBlocks(state: Map<string, MemoryTable>, id: string, text: string): void {
  const table = state.get(id) ?? { sets: new Map(), chains: new Map(), sizes: new Map() }
  state.set(id, table)
  const left = text.replaceAll(
    /^\t(map|set|chain) (\S+) \{\n([\s\S]*?)^\t\}\n?/gm,
    (_, kind, name: string, body: string) => {
      if (kind === 'chain') {
        table.chains.set(
          name,
          body
            .split('\n')
            .map((rule) => rule.trim())
            .filter(Boolean),
        )
        return ''
      }
      const list = /elements = \{ ([^}]*) \}/.exec(body)?.[1] ?? ''
      const elements = new Map<string, string>()
      for (const entry of list.split(/,\s*/).filter(Boolean)) addElement(elements, entry)
      table.sets.set(name, elements)
      const size = /^\t\tsize (\d+)$/m.exec(body)?.[1]
      if (size !== undefined) table.sizes.set(name, Number(size))
      return ''
    },
  )
  if (left.trim() !== '') throw new Error(`Syntax error: ${left.slice(0, 200)}`)
}

function addElement(set: Map<string, string>, text: string): void {
  const [key, value = ''] = text.split(' : ')
  if (set.has(key!) && set.get(key!) !== value) throw new Error(`There is such an element with another value: ${text}`)
  set.set(key!, value)
}

function applyLine(state: Map<string, MemoryTable>, line: string): void {
  const [verb, what, family, tableName, name, ...rest] = line.split(' ')
  const id = `${family} ${tableName}`
  const fail = (why: string): never => {
    throw new Error(`${why}: ${line.slice(0, 200)}`)
  }
  if (what === 'table') {
    if (verb === 'delete') {
      if (!state.delete(id)) fail('No such table')
    } else if (!state.has(id)) state.set(id, { sets: new Map(), chains: new Map(), sizes: new Map() })
    return
  }
  const table = state.get(id) ?? fail('No such table')
  if (what === 'chain' && verb === 'add') {
    table.chains.set(name!, [])
  } else if (what === 'rule') {
    ;(table.chains.get(name!) ?? fail('No such chain')).push(rest.join(' '))
  } else if (what === 'element') {
    const set = table.sets.get(name!) ?? fail('No such set')
    for (const text of rest.slice(1, -1).join(' ').split(', ')) {
      if (verb === 'add') addElement(set, text)
      else if (!set.delete(text)) fail('No such element')
    }
  } else fail('Not understood')
}

/** As the kernel refuses what is beyond the size of a set. */
function checkSizes({ sets, sizes }: MemoryTable): void {
  for (const [name, size] of sizes)
    if (sets.get(name)!.size > size) throw new Error('Could not process rule: Too many open files in system')
}

/** Every chain and set that is led to must be there. */
function checkReferences(table: MemoryTable): void {
  const uses = [...table.chains.values()].flat().concat([...table.sets.values()].flatMap((set) => [...set.values()]))
  for (const text of uses) {
    for (const [, name] of text.matchAll(/(?:goto|jump) (\S+)/g))
      if (!table.chains.has(name!)) throw new Error(`No such chain: ${text}`)
    for (const [, name] of text.matchAll(/@(\S+)/g)) if (!table.sets.has(name!)) throw new Error(`No such set: ${text}`)
  }
}

function printTable(id: string, table: MemoryTable): string {
  const print = (entry: string): string =>
    entry.replace(/(?<=\. |^|: )\d{1,10}$/, (digits) => `0x${Number(digits).toString(16).padStart(8, '0')}`)
  const lines = [`table ${id} {`]
  for (const [name, elements] of table.sets) {
    const isMarked = /numbers|backends|affinity|generation/.test(name)
    const entries = [...elements].map(([key, value]) => {
      const shownKey = isMarked && name !== 'affinity' ? print(key) : key
      const shownValue = name.endsWith('numbers') || name === 'affinity' ? print(value) : value
      return value === '' ? shownKey : `${shownKey} : ${shownValue}`
    })
    lines.push(`\tmap ${name} {`, '\t\ttype something')
    if (entries.length > 0) lines.push(`\t\telements = { ${entries.join(',\n\t\t\t     ')} }`)
    lines.push('\t}', '')
  }
  for (const [name, rules] of table.chains)
    lines.push(`\tchain ${name} {`, ...rules.map((rule) => `\t\t${rule}`), '\t}', '')
  return `${lines.join('\n')}}\n`
}
