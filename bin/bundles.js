// Which bundles of the sources are still needed.
import { readdirSync, readFileSync } from 'node:fs'

/** How many older bundles are kept that nobody runs: whoever goes back to older sources need not build them again. */
const kept = 5

/**
 * The folders that may go, of those in `bundles` ({ path, made }): neither among the newest, nor named by the command line of
 * a process, which may still start threads from its own.
 */
export function superfluousBundles(bundles, commandLines) {
  return bundles
    .toSorted((a, b) => b.made - a.made)
    .slice(kept)
    .map(({ path }) => path)
    .filter((path) => !commandLines.some((words) => words.includes(path)))
}

/** The command lines of all processes of this machine that we may look at, each in words. */
export function commandLines() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(wordsOf)
}

function wordsOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    // It has ended meanwhile.
    return []
  }
}
