// The world outside of the cluster: a public ledger of sites, to which lines are added and from which none can be taken.
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'

export interface Entry {
  /** Whom it is about: the uid of a site. */
  readonly subject: string
  /** Counts what is said of the subject: the generation; the same for every try of one action. */
  readonly turn: number
  /** The term of the leader who acts. */
  readonly fence: number
  readonly action: 'publish' | 'withdraw'
  readonly host: string
  readonly content?: string
}

export interface Ledger {
  /**
   * Adds an entry unless one of its turn, or of a later one, is there of its subject. Refuses the fence of a term that is
   * over, so that a leader who was deposed while he slept cannot act when he wakes.
   */
  append(entry: Entry): Promise<'added' | 'known'>
}

/** The turn after which nothing is said of a subject. */
export const lastTurn = Number.MAX_SAFE_INTEGER

/**
 * A ledger in a folder, one file for each entry. An entry is written aside and then linked to the next free number, which
 * succeeds for one writer alone: whoever comes second reads what came before him and decides again.
 */
export async function openLedger(folder: string, writer: string): Promise<Ledger> {
  await mkdir(folder, { recursive: true })
  const turns = new Map<string, number>()
  let count = 0
  let fence = 0
  let drafts = 0
  const pathOf = (number: number): string => join(folder, `${String(number).padStart(9, '0')}.json`)
  const take = (entry: Entry): void => {
    turns.set(entry.subject, entry.turn)
    fence = Math.max(fence, entry.fence)
    count++
  }
  const readOn = async (): Promise<void> => {
    for (;;) {
      const from = count
      const text = await readFile(pathOf(from + 1), 'utf8').catch(unlessCode('ENOENT'))
      if (text === undefined) return
      // Another caller may have read it meanwhile.
      if (count === from) take(JSON.parse(text) as Entry)
    }
  }
  return {
    async append(entry) {
      for (;;) {
        await readOn()
        if (entry.fence < fence) throw new Error(`${entry.subject}: term ${entry.fence} is over, ${fence} has begun`)
        if (entry.turn <= (turns.get(entry.subject) ?? -1)) return 'known'
        const number = count + 1
        const draft = join(folder, `draft.${writer}.${++drafts}`)
        await writeDurably(draft, JSON.stringify(entry))
        const linked = await link(draft, pathOf(number)).then(() => true, unlessCode('EEXIST'))
        await unlink(draft)
        if (linked === undefined) continue
        if (count === number - 1) take(entry)
        return 'added'
      }
    },
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  await using file = await open(path, 'wx')
  await file.writeFile(text)
  await file.sync()
}

function unlessCode(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error
  }
}
