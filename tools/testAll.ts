// Every test of the project: `npm test`. What needs root, containers or the network of a node says so itself.
import { availableParallelism } from 'node:os'
import { checkSteps } from './check.ts'
import { nodeStep, runSteps } from './steps.ts'

process.exitCode =
  (await runSteps(checkSteps, { atOnce: availableParallelism() })) ||
  (await runSteps(
    [
      nodeStep('tests of the parts together, first half', 'tools/testUnit.ts', '--slow', '--shard', '1/2'),
      nodeStep('tests of the parts together, second half', 'tools/testUnit.ts', '--slow', '--shard', '2/2'),
    ],
    { atOnce: availableParallelism() },
  )) ||
  (await runSteps(
    [
      // Each has a cluster of its own, and mostly waits for it.
      nodeStep('tests on a real node', '--test', '--test-concurrency=2', 'test/node/**/*.test.ts'),
      // The longest of them mostly wait.
      nodeStep('sessions with the real kubectl', '--test', '--test-concurrency=2', 'test/scripts/**/*.test.ts'),
    ],
    { show: true },
  ))
