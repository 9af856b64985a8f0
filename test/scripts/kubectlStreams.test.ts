/** Streams to containers with every kubectl of this machine: over SPDY or WebSockets, as each version speaks. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { pods } from '#api/core/v1/pod.ts'
import { clientOver } from '#client/client.ts'
import { describeKubectls, everyKubectl } from '../../tools/kubectl.ts'
import { startForKubectl } from '../integration/kubectlFixture.ts'
import { playKubelet } from '../integration/playedKubelet.ts'

const found = await everyKubectl((line) => console.log(line))
/** The newest, the oldest, and and the last that speaks SPDY by itself; all with `EVERY_KUBECTL=1`. */
const kubectls =
  process.env['EVERY_KUBECTL'] === '1'
    ? found
    : found.filter(({ minor }, index) => index === 0 || index === found.length - 1 || minor === 30)
const at = { name: 'p', namespace: 'default' }

/** The port on which a forwarding kubectl listens. */
async function forwardedPort({ stdout }: ChildProcess): Promise<number> {
  let said = ''
  while (!said.includes('\n')) said += String((await once(stdout!, 'data'))[0])
  return Number(/^Forwarding from 127\.0\.0\.1:(\d+) -> 8080\n/.exec(said)?.[1] ?? assert.fail(said))
}

describe(`streams with ${describeKubectls(kubectls)}`, { concurrency: 2 }, () => {
  for (const kubectl of kubectls) {
    it(kubectl.version, async () => {
      await using kubelet = await playKubelet({ waits: true })
      await using server = await startForKubectl({ kubectl, nodes: kubelet.connector })
      const client = clientOver(server.fixture.transport)
      await client.create(pods, { metadata: at, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'x' }] } })
      const state = { name: 'c', ready: true, restartCount: 0, image: 'x', imageID: '', state: { running: {} } }
      const status = { phase: 'Running', containerStatuses: [state] }
      await client.patchStatus(pods, at, { type: 'merge', body: { status } })

      const ended = 'command terminated with exit code 7'
      assert.equal(await server.say('root', 'exec -i p -- echo a b', 'hello\n'), `echo a b\nHELLO\ndone\n${ended}`)
      assert.match(
        await server.say('root', 'attach -i p', 'hey\n'),
        /^HEY\n[^]*done\ncommand terminated with exit code 7$/,
      )
      assert.equal(await server.say('root', 'logs p --tail=5'), 'tail 5')
      assert.equal(
        await server.say('root', 'logs p --previous'),
        'Error from server (BadRequest): previous terminated container "c" in pod "p" not found',
      )
      assert.match(
        await server.say('jane', 'exec p -- true'),
        /^Error from server \(Forbidden\): pods "p" is forbidden: User "jane" cannot get resource "pods"/,
      )

      const forward = server.start('root', 'port-forward p :8080')
      const gone = once(forward, 'close')
      try {
        const connection = connect(await forwardedPort(forward), '127.0.0.1')
        connection.end('ping')
        assert.equal(await text(connection), 'port 8080: ping')
      } finally {
        forward.kill()
        await gone
      }
      assert.deepEqual(server.fixture.bugs, [])
    })
  }
})
