// A process that writes to the store in a directory as fast as it can, and says on its output what was acknowledged:
// one line for each commit, `revision key text`. It is meant to be killed.
import { writeSync } from 'node:fs'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { openSqliteStore } from '#storage/sqlite.ts'

const [directory = '', seed = '0', writers = '8'] = process.argv.slice(2)
// Little history, so that compaction runs into the kill as well; text that tells a torn value from a whole one.
const store = await openSqliteStore({ directory, history: { revisions: 600 } })

const pause = new Int32Array(new SharedArrayBuffer(4))

async function write(writer: number): Promise<void> {
  const random = seededRandom(Number(seed) * 1_000 + writer)
  for (let count = 0; ; count++) {
    const key = `/writer/${writer}/${randomInteger(random, 5)}`
    const known = (await store.get(key)).kv?.modified ?? 0
    const remove = known !== 0 && randomInteger(random, 10) === 0
    const text = remove ? '-' : `${seed}.${writer}.${count}.${randomInteger(random, 3_000)}`
    const result = await store.commit(key, known, remove ? 'delete' : { value: valueOf(text) })
    if (!result.ok) throw new Error(`nobody else writes "${key}"`)
    say(`${result.revision} ${key} ${text}\n`)
  }
}

/**
 * Returns once the reader's end of the pipe has the line. `process.stdout` would keep lines back while the reader is slow,
 * and they would die with this process.
 */
function say(line: string): void {
  for (let left = Buffer.from(line); left.length > 0;) {
    try {
      left = left.subarray(writeSync(1, left))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}

/** The text, and as many bytes of filling as its last number says. */
function valueOf(text: string): Buffer {
  return Buffer.from(`${text} ${'x'.repeat(Number(text.split('.').at(-1)))}`)
}

await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)))
