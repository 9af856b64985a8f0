// Compares our server with answers that were recorded from a real one:
//   npm run compare [-- GOLDEN_DIR]
// Differences that are right are in docs/decisions/golden-differences.json, each with its reason.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { differingParts, goldenFiles, judge, needless, type Difference } from './compare/golden.ts'
import { compareWithGolden } from './compare/run.ts'
import { root } from './steps.ts'

const directory = resolve(process.argv[2] ?? join(root, '../shared/data/golden'))
const known = JSON.parse(
  readFileSync(join(root, 'docs/decisions/golden-differences.json'), 'utf8'),
) as readonly Difference[]

const comparisons = await compareWithGolden(directory)
const verdicts = judge(comparisons, known)
for (const file of goldenFiles) {
  const own = verdicts.filter((verdict) => verdict.file === file)
  const count = (outcome: string): number => own.filter((verdict) => verdict.outcome === outcome).length
  const explained = count('agrees with a known difference')
  const differ = count('differs')
  console.log(`${file}: ${own.length - differ} agree (${explained} with a known difference), ${differ} differ`)
}
for (const { file, what, expected, ours } of verdicts.filter(({ outcome }) => outcome === 'differs')) {
  console.log([`\n${file}: ${what}`, ...differingParts(expected, ours)].join('\n  '))
}
for (const text of needless(comparisons, known)) console.log(`\nnot needed: ${text}`)
process.exitCode = verdicts.some(({ outcome }) => outcome === 'differs') ? 1 : 0
