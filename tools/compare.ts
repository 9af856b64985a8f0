// Compares our server with answers that were recorded from a real one:
//   npm run compare [-- GOLDEN_DIR]
// and what it serves, and how it reads and writes objects, with the data of Kubernetes v1.34 beside that folder.
// Differences that are right are in docs/decisions/golden-differences.json, each with its reason.
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { differingParts, goldenFiles, judge, needless, type Difference } from './compare/golden.ts'
import type { ServedList } from './compare/discovery.ts'
import { compareRoundTrips } from './compare/fixtures.ts'
import { compareServed, compareWithGolden } from './compare/run.ts'
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

const data = dirname(directory)
const list = JSON.parse(readFileSync(join(data, 'discovery/discovery-1.34.json'), 'utf8')) as ServedList
const served = await compareServed(list)
console.log(`discovery: ${served.agree} agree, ${served.differences.length} differ`)
for (const difference of served.differences) console.log(`\ndiscovery: ${difference}`)

const objects = compareRoundTrips(join(data, 'api-fixtures/v1.34/HEAD'))
console.log(`round trips: ${objects.agree} agree, ${objects.differences.length} differ`)
for (const difference of objects.differences) console.log(`\nround trips: ${difference}`)
console.log(`not described, as no v1.34 server serves them: ${objects.unknown.join(', ')}`)

process.exitCode =
  verdicts.some(({ outcome }) => outcome === 'differs') || served.differences.length + objects.differences.length > 0
    ? 1
    : 0
