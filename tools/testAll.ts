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
  // Both mostly wait, for containers and for time to pass.
  (await runSteps(
    [
      nodeStep('sessions with the real kubectl', '--test', '--test-concurrency=2', 'test/scripts/**/*.test.ts'),
      nodeStep('tests on a real node', '--test', '--test-concurrency=1', 'test/node/**/*.test.ts'),
    ],
    { show: true, atOnce: 2 },
  ))
