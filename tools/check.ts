// Everything that must hold before a commit, fast enough to run before each: `npm run check`.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { nodeStep, root, runSteps, type Step } from './steps.ts'

/** Where the type checker keeps what it knows of files that did not change. */
const typesCache = 'node_modules/.cache/types.tsbuildinfo'

/** The steps of `npm run check`: those in which a mistake is cheapest to see first, the longest before the others. */
export const checkSteps: readonly Step[] = [
  nodeStep('generated schema is up to date', 'tools/generateSchema.ts', '--check', '--strict'),
  nodeStep('house rules', 'tools/houseRules.ts'),
  { name: 'format', command: ['oxfmt', '--check', 'src', 'tools', 'test', 'bench', 'examples'] },
  nodeStep('the map names every kind', 'tools/whereIs.ts', '--check'),
  nodeStep('the conformance document is up to date', 'tools/conformance.ts', '--check'),
  nodeStep('the settings of the server are documented', 'tools/serverSettings.ts', '--check'),
  nodeStep('the behaviours of simulated containers are documented', 'tools/behaviourTable.ts', '--check'),
  { name: 'types', command: ['tsc', '--incremental', '--tsBuildInfoFile', typesCache] },
  nodeStep('unit tests, first half', 'tools/testUnit.ts', '--shard', '1/2'),
  nodeStep('unit tests, second half', 'tools/testUnit.ts', '--shard', '2/2'),
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
]

/** Where Node keeps what it has made of sources, so that each of many processes begins at once. */
export const compileCache = { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled') }

if (import.meta.main) {
  process.exitCode = await runSteps(checkSteps, {
    atOnce: availableParallelism(),
    environment: compileCache,
  })
}
