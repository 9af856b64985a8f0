/** The player against a kubectl that is a few lines of shell. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { playSession, SessionFailure } from './play.ts'
import { parseSession } from './session.ts'

/** Notes its words; `count` prints how often it was asked, `get` fails but for what every namespace has in the end. */
const fake = `#!/bin/sh
echo "$*" >> "$FAKE_LOG"
case "$*" in
count) echo x >> "$HOME/asked"; wc -l < "$HOME/asked" ;;
say*) shift; echo "$@" ;;
"get serviceaccount/default configmap/kube-root-ca.crt") [ "$(grep -c root-ca "$FAKE_LOG")" -ge 2 ] ;;
get*) echo "No resources found"; exit 1 ;;
esac
`

const kubeconfig = `apiVersion: v1
kind: Config
contexts:
- name: other
  context:
    cluster: other
- name: here
  context:
    cluster: here
current-context: here
`

describe('a session', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'k8ts-play-'))
    writeFileSync(join(folder, 'kubectl'), fake)
    chmodSync(join(folder, 'kubectl'), 0o755)
    writeFileSync(join(folder, 'kubeconfig'), kubeconfig)
    process.env['FAKE_LOG'] = join(folder, 'log')
  })
  after(() => {
    rmSync(folder, { recursive: true })
    delete process.env['FAKE_LOG']
  })
  const play = (text: string, { update = false, slow = 1 } = {}) =>
    playSession(parseSession('S02-x.session', text), {
      kubectl: join(folder, 'kubectl'),
      kubeconfig: join(folder, 'kubeconfig'),
      update,
      pollMs: 20,
      slowness: () => Promise.resolve(slow),
    })
  const failure = async (text: string, options: Parameters<typeof play>[1] = {}): Promise<string> => {
    const error = await play(text, options).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof SessionFailure, String(error))
    return error.message
  }

  it('has a namespace of its own, which is waited for until it is furnished, and goes at the end', async () => {
    rmSync(join(folder, 'log'), { force: true })
    await play(
      '$ kubectl say "$namespace"\ns02-<any:tail>\n$ grep -B3 namespace $KUBECONFIG\n- name: here\ncontext:\ncluster: here\nnamespace: s02-<=tail>\n',
    )
    const [created, ...others] = readFileSync(join(folder, 'log'), 'utf8').trim().split('\n')
    const namespace = created!.replace('create namespace ', '')
    assert.match(namespace, /^s02-[a-z0-9]{6}$/)
    const furnished = 'get serviceaccount/default configmap/kube-root-ca.crt'
    const deleted = `delete namespace ${namespace} --wait=false`
    assert.deepEqual(others, [furnished, furnished, `say ${namespace}`, deleted])
  })

  it('writes files, remembers and uses both', async () => {
    await play('<<FILE d/a\none\ntwo\nFILE\n$ tail -n1 d/a\n<cell:word>\n$ kubectl say $word\n<=word>\n')
  })

  it('does not hear what kubectl says when it is slower than the server', async () => {
    const line = 'E1120 22:56:34.278622   15983 websocket.go:297] Unknown stream id'
    await play(`$ echo a; echo '${line} 1, discarding message'; echo b\na\nb\n`)
    assert.match(await failure(`$ echo '${line} 255, discarding message'\n`), /Unknown stream id 255/)
  })

  it('tries until it holds', async () => {
    await play('$ kubectl count\n... within 20s\n3\n')
  })

  it('gives up when it does not', async () => {
    const message = await failure('$ kubectl count\n... within 2s\nmany\n')
    assert.match(message, /^S02-x\.session:1: after \d+\.\d s, \d+ tries\n {2}\$ kubectl count\n/)
    assert.match(message, /expected \(within 2 s, exit code 0\):\n {2}> many {4}<- nothing matches\n/)
  })

  it('gives a machine that is busy as much more time as it is slower', async () => {
    const second = '$ sleep 1; kubectl count\n... within 0.1s\n2\n'
    await failure(second)
    await play(second, { slow: 1000 })
    await play('$ sleep 1\n... at most 0.5s\n', { slow: 1000 })
    assert.match(
      await failure('$ kubectl count\n... within 0.1s\nmany\n', { slow: 3 }),
      /^S02-x\.session:1: after \d+\.\d s, \d+ tries, on a machine that is 3\.0 times slower than usual\n/,
    )
  })

  it('insists during a time', async () => {
    assert.match(await failure('$ kubectl count\n... during 5s\n<1..2>\n'), /got \(exit code 0\):\n {4}3\n/)
  })

  it('says what was expected and what came', async () => {
    assert.match(
      await failure('$ kubectl get pods\nNAME\nweb\n? 0\n'),
      /expected \(exit code 0\):\n {2}> NAME {4}<- nothing matches\n {4}web\n {2}got \(exit code 1\):\n {4}No resources found\n/,
    )
  })

  it('minds the exit code', async () => {
    await play('$ kubectl get pods\nNo resources found\n? 1\n')
    await play('$ kubectl get pods\nNo resources found\n? not 0\n')
    assert.match(await failure('$ kubectl get pods\nNo resources found\n'), /got \(exit code 1\)/)
  })

  it('ends commands that take too long', async () => {
    assert.match(await failure('$ sleep 600\n... at most 0.2s\n'), /killed because its time was over/)
  })

  it('ends what it left in the background', async () => {
    await play(`$ sleep 600 > /dev/null 2>&1 & echo $! > ${folder}/pid\n$ kill -0 $(cat ${folder}/pid)\n`)
    const pid = readFileSync(join(folder, 'pid'), 'utf8').trim()
    const stateOf = (path: string): string | undefined => {
      try {
        return readFileSync(path, 'utf8').split(' ')[2]
      } catch {
        return 'gone'
      }
    }
    // Told to end before the session did; the machine does it when it comes to it.
    while (!['gone', 'Z'].includes(stateOf(`/proc/${pid}/stat`)!)) await new Promise((resolve) => setImmediate(resolve))
  })

  it('notes what should be expected instead', async () => {
    assert.deepEqual(await play('$ kubectl say a\nb\n\n$ kubectl say c\nc\n', { update: true }), [
      { span: { from: 1, to: 2 }, lines: ['a'] },
    ])
  })
})
