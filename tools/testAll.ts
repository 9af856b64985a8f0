// Every test of the project: `npm test`. What needs root, containers or the network of a node says so itself.
import { nodeStep, runSteps } from './steps.ts'
import { checkSteps } from './check.ts'

process.exitCode = await runSteps([...checkSteps])
if (process.exitCode === 0) {
  process.exitCode = await runSteps(
    [
      nodeStep('tests on a real node', '--test', '--test-concurrency=1', 'test/node/**/*.test.ts'),
      nodeStep('sessions with the real kubectl', '--test', '--test-concurrency=1', 'test/scripts/**/*.test.ts'),
    ],
    { show: true },
  )
}
