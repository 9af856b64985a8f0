// Which conformance tests of Kubernetes are shown by tests of ours.
//
//   node tools/conformance.ts              writes docs/conformance.md
//   node tools/conformance.ts --check      fails when that document is another one
//   node tools/conformance.ts --list FILE  writes test/conformance/list.json from a list of all conformance tests (YAML:
//                                          `tests`, each with `name`, `tier` and `release`)
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { missing } from '../test/conformance/missing.ts'
import { root } from './steps.ts'

export interface ConformanceTest {
  /** Without tags, such as `[sig-node] Lease lease API should be available`. */
  readonly name: string
  /** What it needs: `api` a server, `controllers` the loops too, with `+pods` pods that run, `scheduler+pods` a scheduler that places them, `pods+network` pods that reach each other. */
  readonly tier: string
  /** The release that brought it, with those that changed it. */
  readonly release: string
}

/** The last minor release whose tests count, and the tiers that do. */
const lastMinor = 34
const tiers: readonly string[] = ['api', 'controllers', 'controllers+pods', 'scheduler+pods', 'pods+network']

/** Where tests of ours say which conformance test they show; sessions and those of the network need containers. */
const places: readonly string[] = [
  'test/conformance/**/*.test.ts',
  'test/conformance/network/*.ts',
  'test/scripts/sessions/*.session',
]

const listPath = join(root, 'test/conformance/list.json')
const documentPath = join(root, 'docs/conformance.md')

/** The tests of a list that a cluster of the release has to pass, whatever its pods are made of. */
export function selectTests(all: readonly ConformanceTest[]): readonly ConformanceTest[] {
  return all
    .filter(({ tier, release }) => tiers.includes(tier) && Number(/^v1\.(\d+)/.exec(release)?.[1]) <= lastMinor)
    .map(({ name, tier, release }) => ({ name, tier, release }))
}

/** The document: `shown` leads from names to the files of our tests, `reasons` from names to why there is none. */
export function renderConformance(
  tests: readonly ConformanceTest[],
  shown: ReadonlyMap<string, string>,
  reasons: Readonly<Record<string, string>>,
): string {
  const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const table = (heads: readonly string[], rows: readonly string[]): string =>
    [row(...heads), row(...heads.map(() => '---')), ...rows].join('\n')
  const found = tests.filter(({ name }) => shown.has(name))
  const absent = tests.filter(({ name }) => !shown.has(name))
  const inTier = (some: readonly ConformanceTest[], wanted: string): number =>
    some.filter(({ tier }) => tier === wanted).length
  const counts = tiers.map((tier) => `${inTier(found, tier)} of ${inTier(tests, tier)} of tier \`${tier}\``).join(', ')
  const parts = [
    '# Conformance',
    `Kubernetes' conformance tests up to v1.${lastMinor} that need a server alone (tier \`api\`), its controllers too
(\`controllers\`) or pods that run (\`controllers+pods\`, \`scheduler+pods\`; on simulated nodes, or in sessions with the
real kubectl on real ones) or pods with a network (\`pods+network\`, on real nodes), each with the test of ours that asks the
same. Written by \`npm run generate\`; those on simulated nodes run with \`npm run test:unit -- --slow\`, all with \`npm test\`.`,
    `Shown: ${counts}.`,
    table(
      ['conformance test', 'tier', 'release', 'our test'],
      found.map(({ name, tier, release }) => row(name, tier, release, `\`${shown.get(name)!}\``)),
    ),
  ]
  if (absent.length > 0) {
    const rows = absent.map(({ name, tier, release }) => row(name, tier, release, reasons[name] ?? 'no test yet'))
    parts.push('## Missing', table(['conformance test', 'tier', 'release', 'why'], rows))
  }
  return `${parts.join('\n\n')}\n`
}

/** The files of our tests by the names that they give, in quotes, of conformance tests. */
function findShown(tests: readonly ConformanceTest[]): ReadonlyMap<string, string> {
  const shown = new Map<string, string>()
  for (const file of globSync(places, { cwd: root }).toSorted()) {
    const text = readFileSync(join(root, file), 'utf8')
    for (const { name } of tests) if (text.includes(`'${name}'`) || text.includes(`"${name}"`)) shown.set(name, file)
  }
  return shown
}

async function writeList(path: string): Promise<void> {
  const { parse } = await import('yaml')
  const { tests } = parse(readFileSync(path, 'utf8')) as { tests: readonly ConformanceTest[] }
  const lines = selectTests(tests).map((each) => `  ${JSON.stringify(each)}`)
  writeFileSync(listPath, `[\n${lines.join(',\n')}\n]\n`)
}

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === '--list' && args[1] !== undefined) await writeList(args[1])
  const tests = JSON.parse(readFileSync(listPath, 'utf8')) as readonly ConformanceTest[]
  const wanted = renderConformance(tests, findShown(tests), missing)
  if (!args.includes('--check')) writeFileSync(documentPath, wanted)
  else if (readFileSync(documentPath, 'utf8') !== wanted) {
    console.error('docs/conformance.md is not up to date; run "npm run generate"')
    return 1
  }
  return 0
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
