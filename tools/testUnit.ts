// Tests that need nothing but this process, in one process:
//   npm run test:unit                     those beside the sources, which take seconds
//   npm run test:unit -- --slow           the others: whole clusters in simulated time, a store that is killed, random input
//   npm run test:unit -- PATTERN ...      those of these files
// `--shard 1/2` takes every second file, for as many processes as there are cores.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './steps.ts'

await import('./promiseTracking.ts')
const { run } = await import('node:test')
const { spec } = await import('node:test/reporters')

const beside = ['src/**/*.test.ts', 'tools/**/*.test.ts']
const slow = [
  'test/integration/**/*.test.ts',
  'examples/**/*.test.ts',
  'test/conformance/**/*.test.ts',
  'tools/compare/**/*.test.ts',
]

const { values, positionals } = parseArgs({
  options: { slow: { type: 'boolean', default: false }, shard: { type: 'string', default: '1/1' } },
  allowPositionals: true,
})
const [index, total] = values.shard.split('/').map(Number)
const find = (patterns: readonly string[]): readonly string[] => globSync(patterns, { cwd: root })
const chosen =
  positionals.length > 0
    ? find(positionals)
    : values.slow
      ? find(slow)
      : find(beside).filter((file) => !find(slow).includes(file))
const files = chosen.filter((_, at) => at % total! === index! - 1)
if (files.length === 0) {
  console.error(`no test matches ${process.argv.slice(2).join(' ')}`)
  process.exit(1)
}
/** In milliseconds: a test that takes longer hangs, unless it was asked to walk through everything. */
const longest = process.env['FAULT_STRIDE'] === undefined ? 300_000 : Infinity
/** How long a process may take to end after its tests, in milliseconds. */
const longestEnd = 10_000
const stream = run({
  files: files.map((file) => join(root, file)),
  isolation: 'none',
  concurrency: true,
  timeout: longest,
})
let failed = false
stream.on('test:fail', ({ name, details }) => {
  failed = true
  const { failureType } = details.error as Error & { readonly failureType?: string }
  if (failureType !== 'testTimeoutFailure') return
  // What it waits for keeps the process, and with it the end of the stream.
  console.error(`"${name}" hangs: it was given up, and the tests after it are not run`)
  process.exit(1)
})
stream.compose(new spec()).pipe(process.stdout)
stream.on('end', () => {
  // What went wrong outside of all tests has set it already.
  if (failed) process.exitCode = 1
  const leftOpen = (): void => {
    console.error(
      `all tests have ended, but some left open what keeps the process: ${process.getActiveResourcesInfo().join(', ')}`,
    )
    process.exit(1)
  }
  setTimeout(leftOpen, longestEnd).unref()
})
