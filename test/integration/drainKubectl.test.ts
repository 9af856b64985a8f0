/** The real kubectl drains a node of a cluster of the testing library, over HTTPS and in the machine's own time. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { deployments } from 'k8ts/api/apps/v1/deployment'
import { pods } from 'k8ts/api/core/v1/pod'
import { cluster, real, type Cluster } from 'k8ts/testing'
import { ensureKubectl } from '../../tools/kubectl.ts'

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 6
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: 5, selector: { matchLabels: { app: web } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec: { containers: [{ name: agent, image: agent }] }
---
apiVersion: v1
kind: Pod
metadata: { name: naked }
spec: { nodeName: node-1, containers: [{ name: naked, image: naked }] }
`

async function isReady({ client }: Cluster): Promise<boolean> {
  const { status } = await client.get(deployments, { name: 'web', namespace: 'default' })
  const { items } = await client.list(pods, { namespace: 'default' })
  const running = items.filter((pod) => pod.status?.phase === 'Running')
  return status?.availableReplicas === 6 && running.length === 6 + 3 + 1
}

test('kubectl drains a node, keeps to the budget, and says what it will not delete', async () => {
  const kubectl = await ensureKubectl((line) => console.log(line))
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-drain-'))
  try {
    // A pod that comes for another is not there at once, so that two are asked to leave before it is.
    await using it = await cluster({ clock: real, nodes: 3, behaviours: { web: { readyAfter: '4s' } } })
    await it.apply(manifest)
    await it.until(() => isReady(it), '2m')
    const kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(kubeconfig, await it.kubeconfig())
    const say = (words: string): Promise<{ code: number; text: string }> =>
      new Promise((resolve) => {
        const where = ['--kubeconfig', kubeconfig, '--cache-dir', folder]
        execFile(kubectl.path, [...where, ...words.split(' ')], (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
        )
      })
    const namesOn = async (node: string): Promise<string[]> =>
      (await it.client.list(pods, { namespace: 'default' })).items
        .filter(({ spec }) => spec.nodeName === node)
        .map(({ metadata }) => metadata.name.replace(/-.*/, ''))
    const before = (await namesOn('node-1')).filter((name) => name === 'web').length
    assert.ok(before > 0)

    const refused = await say('drain node-1 --ignore-daemonsets')
    assert.equal(refused.code, 1, refused.text)
    assert.match(refused.text, /^node\/node-1 cordoned\n/)
    assert.match(
      refused.text,
      /cannot delete (?:cannot delete )?Pods that declare no controller \(use --force to override\): default\/naked/,
    )
    assert.match((await say('get node node-1 --no-headers')).text, /^node-1 +Ready,SchedulingDisabled /)

    const drained = await say('drain node-1 --ignore-daemonsets --force --timeout 240s')
    assert.equal(drained.code, 0, drained.text)
    assert.equal(drained.text.match(/^pod\/web-\S+ evicted$/gm)?.length, before, drained.text)
    // One may be missing at a time: kubectl tries again until the one before is replaced.
    if (before > 1) {
      const again = /\(will retry after 5s\): Cannot evict pod as it would violate the pod's disruption budget\./
      assert.match(drained.text, again)
    }
    assert.match(drained.text, /^evicting pod default\/naked$/m)
    assert.match(drained.text, /^node\/node-1 drained$/m)
    assert.deepEqual(await namesOn('node-1'), ['agent'])
    await it.until(async () => {
      const { status } = await it.client.get(deployments, { name: 'web', namespace: 'default' })
      return status?.availableReplicas === 6
    }, '2m')

    assert.equal((await say('uncordon node-1')).text, 'node/node-1 uncordoned\n')
    assert.match((await say('get node node-1 --no-headers')).text, /^node-1 +Ready +/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
