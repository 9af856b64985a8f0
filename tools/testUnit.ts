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
/** How long a process may take to end after its tests, or the next one to begin, in milliseconds. */
const longestEnd = 30_000
const stream = run({
  files: files.map((file) => join(root, file)),
  isolation: 'none',
  concurrency: true,
  timeout: longest,
})
const failures: { readonly name: string; readonly error: unknown }[] = []
stream.on('test:fail', ({ name, details }) => {
  failures.push({ name, error: details.error })
  const { failureType } = details.error as Error & { readonly failureType?: string }
  if (failureType !== 'testTimeoutFailure') return
  // What it waits for keeps the process, and with it the end of the stream.
  console.error(`"${name}" hangs: it was given up, and the tests after it are not run`)
  process.exit(1)
})
stream.compose(new spec()).pipe(process.stdout)
/** What keeps the process keeps the runner from ending, too, which tells of failures only at its end. */
const leftOpen = (): void => {
  for (const { name, error } of failures) console.error(`✖ ${name}`, error)
  console.error(
    `all tests have ended, but some left open what keeps the process: ${process.getActiveResourcesInfo().join(', ')}`,
  )
  process.exit(1)
}
let underWay = 0
let ending: NodeJS.Timeout | undefined
stream.on('test:enqueue', () => {
  underWay++
  clearTimeout(ending)
})
stream.on('test:complete', () => {
  underWay--
  clearTimeout(ending)
  if (underWay === 0) ending = setTimeout(leftOpen, longestEnd).unref()
})
stream.on('end', () => {
  // What went wrong outside of all tests has set it already.
  if (failures.length > 0) process.exitCode = 1
})
