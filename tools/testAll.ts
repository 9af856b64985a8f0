// Every test of the project: `npm test`. What needs root, containers or the network of a node says so itself.
import { availableParallelism } from 'node:os'
import { checkSteps } from './check.ts'
import { nodeStep, runSteps, type Step } from './steps.ts'

/** With real nodes, which are mostly waited for. */
const real: readonly Step[] = [
  nodeStep('tests on a real node', '--test', '--test-concurrency=4', 'test/node/**/*.test.ts'),
  nodeStep('sessions with the real kubectl', '--test', '--test-concurrency=2', 'test/scripts/**/*.test.ts'),
]

/** In simulated time. Beside real nodes they would take the processor from agents, which are in sessions of their own. */
const together: readonly Step[] = [
  nodeStep('tests of the parts together, first half', 'tools/testUnit.ts', '--slow', '--shard', '1/2'),
  nodeStep('tests of the parts together, second half', 'tools/testUnit.ts', '--slow', '--shard', '2/2'),
]

async function testAll(): Promise<number> {
  for (const steps of [checkSteps, together]) {
    const code = await runSteps(steps, { atOnce: availableParallelism() })
    if (code !== 0) return code
  }
  return runSteps(real, { show: true })
}

process.exitCode = await testAll()
