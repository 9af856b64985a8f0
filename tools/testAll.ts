// Every test of the project: `npm test`. What needs root, containers or the network of a node says so itself.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkSteps, compileCache } from './check.ts'
import { nodeStep, runSteps, type Step } from './steps.ts'

/** In simulated time. Beside real nodes they would take the processor from agents, which are in sessions of their own. */
const together: readonly Step[] = [
  nodeStep('tests of the parts together, first half', 'tools/testUnit.ts', '--slow', '--shard', '1/2'),
  nodeStep('tests of the parts together, second half', 'tools/testUnit.ts', '--slow', '--shard', '2/2'),
]

const realNodes = nodeStep('tests on a real node', 'tools/testNode.ts')
const sessions = nodeStep(
  'sessions with the real kubectl',
  '--test',
  '--test-concurrency=2',
  'test/scripts/**/*.test.ts',
)

/** Sessions that mostly wait play beside the tests on real nodes, and those that keep the processor busy when these are over. */
async function testReal(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'k8ts-test-'))
  const over = join(folder, 'over')
  const { promise: free, resolve } = Promise.withResolvers<void>()
  try {
    const playing = runSteps([sessions], { show: free, environment: { ...compileCache, SESSIONS_AFTER: over } })
    const code = await runSteps([realNodes], { show: true, environment: compileCache })
    await writeFile(over, '')
    process.stderr.write(`${sessions.name} ...\n`)
    resolve()
    return (await playing) || code
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function testAll(): Promise<number> {
  for (const steps of [checkSteps, together]) {
    const code = await runSteps(steps, { atOnce: availableParallelism(), environment: compileCache })
    if (code !== 0) return code
  }
  return testReal()
}

process.exitCode = await testAll()
