import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { startForKubectl, type KubectlFixture } from '../integration/kubectlFixture.ts'
import { conformance } from './conformance.ts'

async function withKubectl(run: (kubectl: KubectlFixture) => Promise<void>): Promise<void> {
  await using kubectl = await startForKubectl()
  await run(kubectl)
  assert.deepEqual(kubectl.fixture.bugs, [])
}

conformance('[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions', () =>
  withKubectl(async (kubectl) => {
    assert.match(await kubectl.say('root', 'api-versions'), /^v1$/m)
  }),
)

conformance(
  '[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info',
  () =>
    withKubectl(async (kubectl) => {
      const said = stripVTControlCharacters(await kubectl.say('root', 'cluster-info'))
      assert.match(said, /^Kubernetes control plane is running at https:\/\/127\.0\.0\.1:\d+$/m)
    }),
)

conformance('[sig-cli] Kubectl client Kubectl version should check is all data is printed', () =>
  withKubectl(async (kubectl) => {
    const told = JSON.parse(await kubectl.say('root', 'version -o json')) as Record<string, Record<string, string>>
    for (const side of ['clientVersion', 'serverVersion']) {
      for (const name of [
        'major',
        'minor',
        'gitVersion',
        'gitCommit',
        'gitTreeState',
        'buildDate',
        'goVersion',
        'compiler',
        'platform',
      ]) {
        assert.match(told[side]?.[name] ?? '', /\S/, `${side} ${name}`)
      }
    }
    const said = await kubectl.say('root', 'version')
    for (const side of ['Client Version', 'Server Version'])
      assert.match(said, new RegExp(`^${side}: v1\\.\\d+\\.\\d+`, 'm'))
  }),
)

/** Waits for the line that says where a proxy serves. */
async function servedAt({ stdout }: ChildProcess): Promise<string> {
  let text = ''
  while (!text.includes('\n')) text += String((await once(stdout!, 'data'))[0])
  return /Starting to serve on (.+)/.exec(text)?.[1] ?? assert.fail(text)
}

/** The versions that a proxy tells of. */
async function readVersions(where: { port: number } | { socketPath: string }): Promise<readonly string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const asked = request({ ...where, path: '/api', agent: false }, (response) => {
    let text = ''
    response.on('data', (piece) => (text += String(piece)))
    response.on('end', () => resolve(text))
  })
  asked.on('error', reject)
  asked.end()
  return (JSON.parse(await promise) as { versions: readonly string[] }).versions
}

async function showProxy(words: (folder: string) => string, read: (place: string) => Promise<readonly string[]>) {
  await withKubectl(async (kubectl) => {
    const proxy = kubectl.start('root', words(kubectl.folder))
    const ended = once(proxy, 'close')
    try {
      assert.deepEqual(await read(await servedAt(proxy)), ['v1'])
    } finally {
      proxy.kill()
      await ended
    }
  })
}

conformance('[sig-cli] Kubectl client Proxy server should support proxy with --port 0', () =>
  showProxy(
    () => 'proxy --port=0 --disable-filter',
    (place) => readVersions({ port: Number(place.split(':').at(-1)) }),
  ),
)

conformance('[sig-cli] Kubectl client Proxy server should support --unix-socket=/path', () =>
  showProxy(
    (folder) => `proxy --unix-socket=${join(folder, 'proxy.sock')}`,
    (socketPath) => readVersions({ socketPath }),
  ),
)
