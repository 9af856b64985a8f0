// Tests on real nodes, a process for each file: `node tools/testNode.ts [PATTERN ...]`. They take root.
// Files that take longest begin first; each test that ends is told at once, and at the end what failed and what was skipped.
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { defaultConfig } from '#cluster/config.ts'
import { prepareMachine } from '#cluster/machine.ts'
import { rootsFor } from '#cluster/record.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { root } from './steps.ts'

/** Files that take half a minute and more, longest first. */
const longest = [
  'faults.test.ts',
  'workers.test.ts',
  'networkPolicyTable.test.ts',
  'families.test.ts',
  'crash.test.ts',
  'proxyRepair.test.ts',
  'kubelet.test.ts',
]
/** In milliseconds: a file that takes longer hangs, unless it was asked for the long tests. */
const longestFile = process.env['LONG_TESTS'] === '1' ? Infinity : 1_200_000
/** Most of what a file does is waited for. */
const atOnce = 2 * availableParallelism()

const patterns = process.argv.length > 2 ? process.argv.slice(2) : ['test/node/**/*.test.ts']
const rank = (file: string): number => {
  const index = longest.indexOf(basename(file))
  return index < 0 ? longest.length : index
}
const files = globSync(patterns, { cwd: root }).toSorted(
  (one, other) => rank(one) - rank(other) || (one < other ? -1 : 1),
)
if (files.length === 0) {
  console.error(`no test matches ${patterns.join(' ')}`)
  process.exit(1)
}

// Before any file begins: some make nodes without the command that installs what they need.
if (process.getuid?.() === 0)
  await prepareMachine(
    {
      host: systemHost(systemClock),
      roots: rootsFor(0, {}),
      environment: process.env,
      signal: new AbortController().signal,
      progress: (line) => console.log(line),
    },
    defaultConfig,
  )

const execArgv = ['--import', import.meta.resolve('./promiseTracking.ts')]
const stream = run({
  files: files.map((file) => join(root, file)),
  concurrency: atOnce,
  execArgv,
  timeout: longestFile,
})
const skipped: string[] = []
let failed = false
stream.on('test:complete', ({ name, nesting, details, skip }) => {
  if (skip !== undefined && skip !== false) skipped.push(`${name}: ${skip === true ? 'no reason given' : skip}`)
  // Of a file itself nothing is to be said but that it failed.
  if (nesting > 0 || (details.passed && name.endsWith('.ts'))) return
  console.log(`${details.passed ? '✔' : '✖'} ${name} (${((details.duration_ms ?? 0) / 1000).toFixed(1)} s)`)
})
stream.on('test:fail', () => {
  failed = true
})
const pieces: string[] = []
stream.compose(new spec()).on('data', (piece: unknown) => pieces.push(String(piece)))
stream.on('end', () => {
  for (const line of skipped) console.log(`skipped: ${line}`)
  if (failed) console.log(pieces.join(''))
  if (failed) process.exitCode = 1
})
