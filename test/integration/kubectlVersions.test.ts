/** Sessions with every kubectl of this machine, each against a cluster of its own without containers. */
import { describe, it } from 'node:test'
import { describeKubectls, everyKubectl } from '../../tools/kubectl.ts'
import { playSession } from '../scripts/play.ts'
import { readSessions } from '../scripts/readSessions.ts'
import { playCluster } from './playedCluster.ts'

/** Those that need no commands inside of containers, and go another way with some version or might. */
const played = ['S04', 'S05', 'S06', 'S08', 'S09', 'server-side-apply']
const atOnce = 4

const files = readSessions(played)
const kubectls = await everyKubectl((line) => console.log(line))

describe(`sessions with ${describeKubectls(kubectls)}`, { concurrency: atOnce }, () => {
  for (const { path, minor, version } of kubectls) {
    it(version, async (context) => {
      await using cluster = await playCluster()
      for (const { session } of files) {
        const { kubeconfig } = cluster
        await playSession(session, { kubectl: path, minor, kubeconfig, signal: context.signal })
      }
    })
  }
})
