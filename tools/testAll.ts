// Every test of the project: `npm test`. What needs root, containers or the network of a node says so itself.
import { availableParallelism } from 'node:os'
import { checkSteps } from './check.ts'
import { nodeStep, runSteps, type Step } from './steps.ts'

/** With real nodes, which are mostly waited for. */
const real: readonly Step[] = [
  nodeStep('tests on a real node', '--test', '--test-concurrency=3', 'test/node/**/*.test.ts'),
  nodeStep('sessions with the real kubectl', '--test', '--test-concurrency=2', 'test/scripts/**/*.test.ts'),
]

/** In simulated time, so that they may be slow: they take what the real nodes leave of the processor. */
const together: readonly Step[] = [
  nodeStep('tests of the parts together, first half', 'tools/testUnit.ts', '--slow', '--shard', '1/2'),
  nodeStep('tests of the parts together, second half', 'tools/testUnit.ts', '--slow', '--shard', '2/2'),
]

async function testAll(): Promise<number> {
  const checked = await runSteps(checkSteps, { atOnce: availableParallelism() })
  if (checked !== 0) return checked
  const codes = await Promise.all([runSteps(real, { show: true }), runSteps(together, { giveWay: true })])
  return codes.find((code) => code !== 0) ?? 0
}

process.exitCode = await testAll()
