// Plays the conformance tests of the network on the cluster of KUBECONFIG: those whose names contain one of the words, or all.
//
//   node bin/pinned.js test/conformance/network/run.ts [WORDS...]
import { after, before, describe, it } from 'node:test'
import { networkTests } from './tests.ts'
import { openStage, type Stage } from './stage.ts'

const words = process.argv.slice(2)
const chosen = networkTests.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))

describe('conformance tests of the network', { concurrency: 8 }, () => {
  let stage: Stage | undefined
  before(async () => {
    stage = await openStage(process.env['KUBECONFIG']!)
  })
  after(() => stage?.[Symbol.asyncDispose]())
  for (const { name, run } of chosen) it(name, () => run(stage!))
})
