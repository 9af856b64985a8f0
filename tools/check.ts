// Everything that must hold before a commit, fast enough to run before each: `npm run check`.
import { nodeStep, runSteps, type Step } from './steps.ts'

/** The steps of `npm run check`, in the order in which a mistake is cheapest to see. */
export const checkSteps: readonly Step[] = [
  nodeStep('generated schema is up to date', 'tools/generateSchema.ts', '--check'),
  nodeStep('the map names every kind', 'tools/whereIs.ts', '--check'),
  { name: 'types', command: ['tsc'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  nodeStep('house rules', 'tools/houseRules.ts'),
  { name: 'format', command: ['oxfmt', '--check', 'src', 'tools', 'test', 'bench'] },
  nodeStep('unit tests', 'tools/testUnit.ts'),
]

if (import.meta.main) process.exitCode = await runSteps(checkSteps)
