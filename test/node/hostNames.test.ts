/** Names of this machine for the services of two real clusters at once: killed, and when one of the clusters goes. Needs root. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { test } from 'node:test'
import { askHostPorts, hostPortsFiles } from '#cluster/hostPorts.ts'
import { clusterPaths } from '#cluster/record.ts'
import { readPidFile } from '#lib/host/files.ts'
import { namespaceOfFile } from '#lib/host/process.ts'
import { administratorOf, ask, host, newPerson, read, reasonToSkip, roots, until } from './faultsFixture.ts'

const clusters = ['t-names-a', 't-names-b'] as const
const port = 18_643
const nameIn = (cluster: string): string => `api.default.${cluster}.localhost`

/** What answers under a name: the issuer's serial of its certificate (each cluster has its own), and the status. */
async function answerOf(cluster: string): Promise<{ readonly issuer: string; readonly text: string } | undefined> {
  try {
    const asked = request({
      host: '127.0.0.1',
      port,
      servername: nameIn(cluster),
      path: '/livez',
      rejectUnauthorized: false,
      agent: false,
      timeout: 20_000,
    }).end()
    asked.on('timeout', () => asked.destroy(new Error('no answer')))
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    const issuer = (answer.socket as TLSSocket).getPeerX509Certificate()!.toString()
    return { issuer, text: `${answer.statusCode} ${await text(answer)}` }
  } catch {
    return undefined
  }
}

/** A service that leads to the cluster's own API server, which is there without any image. */
async function offerApi(cluster: string): Promise<void> {
  const client = await administratorOf(cluster)
  try {
    const endpoints = await read<{ subsets: { addresses: { ip: string }[]; ports: { port: number }[] }[] }>(
      client,
      '/api/v1/namespaces/default/endpoints/kubernetes',
    )
    const [{ addresses, ports }] = endpoints.subsets as [(typeof endpoints.subsets)[number]]
    const objects: readonly (readonly [string, object])[] = [
      [
        '/api/v1/namespaces/default/services',
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'api' },
          spec: { type: 'LoadBalancer', ports: [{ port, targetPort: ports[0]!.port }] },
        },
      ],
      [
        '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
        {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name: 'api', labels: { 'kubernetes.io/service-name': 'api' } },
          addressType: 'IPv4',
          endpoints: [{ addresses: addresses.map(({ ip }) => ip) }],
          ports: [{ name: '', port: ports[0]!.port, protocol: 'TCP' }],
        },
      ],
    ]
    for (const [path, object] of objects) {
      const answer = await ask(client, 'POST', path, object)
      assert.equal(answer.status, 201, answer.text)
    }
  } finally {
    client.close()
  }
}

test(
  'names of two clusters answer, also after their process was killed, and without the other cluster',
  {
    skip: reasonToSkip,
    timeout: 600_000,
  },
  async () => {
    await using person = await newPerson()
    const [first, second] = clusters
    const holder = () => readPidFile(host.files, host.processes, hostPortsFiles(roots).lock)
    try {
      for (const [index, cluster] of clusters.entries()) {
        const ranges = ['--pod-range', `10.${221 + index}.0.0/16`, '--service-range', `10.${223 + index}.0.0/16`]
        await person.must('up', cluster, '--ephemeral', '--no-metrics', '--no-dns', ...ranges)
        await offerApi(cluster)
      }
      const issuers = async (): Promise<readonly string[]> =>
        until('both names answer', async () => {
          const answers = [await answerOf(first), await answerOf(second)]
          return answers.every((answer) => answer?.text === '200 ok') && answers.map((answer) => answer!.issuer)
        })
      const before = await issuers()
      assert.notEqual(before[0], before[1])

      const killed = await until('the process', holder)
      host.processes.kill(killed.pid, 'SIGKILL')
      const another = async () => {
        const found = await holder()
        return found?.pid !== killed.pid && found
      }
      const revived = await until('another process', another)
      assert.deepEqual(await issuers(), before)
      // It is on the machine itself, and so it goes on without the place of the cluster that started it.
      for (const kind of ['net', 'mnt'] as const)
        assert.equal(namespaceOfFile(`/proc/${revived.pid}/ns/${kind}`), namespaceOfFile(`/proc/self/ns/${kind}`), kind)

      await person.must('down', first)
      assert.equal((await answerOf(second))?.issuer, before[1])
      await until('nobody answers for the first', async () => (await answerOf(first)) === undefined)
      await until('it is served no more', async () => (await askHostPorts(roots))?.clusters.includes(first) === false)
    } finally {
      for (const cluster of clusters) await person.k8ts('down', cluster)
    }
    for (const cluster of clusters)
      assert.equal(await host.files.status(clusterPaths(cluster, roots).runtimeFolder), undefined)
  },
)
