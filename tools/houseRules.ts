// The rules of the house that no linter knows. Prints every breach with its place and ends with 1 when there is one.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.ts'

interface Rule {
  readonly pattern: RegExp
  readonly message: string
  /** Files to which it does not apply. */
  readonly except?: RegExp
}

const rules: readonly Rule[] = [
  { pattern: /new Date\(\)/, message: 'the current time comes from a Clock (src/lib/clock.ts)', except: /^src\/lib\// },
  { pattern: /\b(TODO|FIXME|XXX)\b/, message: 'finish it, or write it down where readers look' },
  { pattern: /\b(test|it|describe|suite)\.(skip|only|todo)\(/, message: 'a test runs or is not there' },
]

/** Longer files hold more than one idea; those that need the length stand here with the reason. */
const mostLines = 500
const longFiles: Readonly<Record<string, string>> = {}

const problems: string[] = []
for (const file of globSync('{src,tools,test,bench,examples}/**/*.ts', { cwd: root })) {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  if (
    file.startsWith('src/') &&
    !/\.(test|generated)\.ts$/.test(file) &&
    lines.length > mostLines &&
    longFiles[file] === undefined
  ) {
    problems.push(`${file}: ${lines.length} lines; split it, or give the reason in tools/houseRules.ts`)
  }
  for (const [index, line] of lines.entries()) {
    for (const { pattern, message, except } of rules) {
      if (file === 'tools/houseRules.ts' || except?.test(file) === true || !pattern.test(line)) continue
      problems.push(`${file}:${index + 1}: ${line.trim()}  <- ${message}`)
    }
  }
}
for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
