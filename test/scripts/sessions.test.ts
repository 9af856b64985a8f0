/** Every session with the real kubectl, and the conformance tests of the network, on one cluster of real containers. Needs root. */
import { after, before, describe, it, type TestContext } from 'node:test'

import { ensureKubectl, findKubectls, type Kubectl } from '../../tools/kubectl.ts'
import { openStage, type Stage } from '../conformance/network/stage.ts'
import { networkTests } from '../conformance/network/tests.ts'
import { makeCluster, requireRoot, type TestCluster } from './cluster.ts'
import { machineIsFree } from './machineIsFree.ts'
import { playSession } from './play.ts'
import { readSessions } from './readSessions.ts'
import type { Session } from './session.ts'

/** How many sessions play at once: those that mostly wait cost little, and play beside other tests. */
const busyAtOnce = 5
const waitingAtOnce = 6
/** How many conformance tests of the network play beside them. */
const conformanceAtOnce = 2

/** Sessions that take minutes play only with `LONG_TESTS=1`. */
const files = readSessions().filter(({ session }) => !session.long || process.env['LONG_TESTS'] === '1')

describe('sessions', { concurrency: 1 }, () => {
  let cluster: TestCluster | undefined
  let newest: Kubectl
  let all: readonly Kubectl[]
  const report = (line: string): void => void process.stderr.write(`${line}\n`)

  before(async () => {
    requireRoot()
    newest = await ensureKubectl(report)
    all = await findKubectls()
    report(`kubectl ${newest.version} (${newest.path})`)
    cluster = await makeCluster('t-scripts', 3, report)
  })
  after(async () => {
    await cluster?.end()
  })

  const play =
    (session: Session, version = session.kubectl) =>
    async (context: TestContext) => {
      const wanted = all.find(({ major, minor }) => `${major}.${minor}` === version)
      if (version !== undefined && wanted === undefined) {
        context.diagnostic(`kubectl ${version} is not on this machine; played with ${newest.version}`)
      }
      await playSession(session, {
        kubectl: (wanted ?? newest).path,
        minor: (wanted ?? newest).minor,
        kubeconfig: cluster!.kubeconfig,
        signal: context.signal,
      })
    }

  const shown = files.map(({ session }) => session)
  describe('those that may play together', { concurrency: true }, () => {
    const together = shown.filter(({ alone }) => !alone)
    describe('conformance tests of the network', { concurrency: conformanceAtOnce }, () => {
      let stage: Stage | undefined
      before(async () => {
        await machineIsFree()
        stage = await openStage(cluster!.kubeconfig)
      })
      after(() => stage?.[Symbol.asyncDispose]())
      for (const { name, run } of networkTests) it(name, { timeout: 120_000 }, () => run(stage!))
    })
    describe('those that mostly wait', { concurrency: waitingAtOnce }, () => {
      // The longest first, so that the end does not wait for one that began late.
      const patient = together.filter(({ waits }) => waits > 0).toSorted((one, other) => other.waits - one.waits)
      for (const session of patient) it(`${session.name}: ${session.title}`, play(session))
    })
    describe('the others', { concurrency: busyAtOnce }, () => {
      before(machineIsFree)
      for (const session of together) if (session.waits === 0) it(`${session.name}: ${session.title}`, play(session))
      for (const session of together) {
        for (const version of session.also) it(`${session.name} with kubectl ${version}`, play(session, version))
      }
    })
  })
  describe('those that need the nodes for themselves', { concurrency: 1 }, () => {
    for (const session of shown) if (session.alone) it(`${session.name}: ${session.title}`, play(session))
  })
})
