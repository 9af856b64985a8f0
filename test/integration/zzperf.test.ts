import { test } from 'node:test'
import { deployments } from '#api/apps/v1/deployment.ts'
import { services } from '#api/core/v1/service.ts'
import { controllers } from '#controllers/index.ts'
import { startCluster } from './controllersCluster.ts'
test('perf', async () => {
  const start = 0
  void start
  for (const n of [1000, 4000]) {
    const cluster = await startCluster({ controllers, nodes: Array.from({ length: 100 }, (_, i) => `n${i}`) })
    const t = performance.now()
    await cluster.client.create(services, {
      metadata: { name: 's', namespace: 'default' },
      spec: { selector: { app: 'a' }, ports: [{ port: 80 }] },
    })
    await cluster.client.create(deployments, {
      metadata: { name: 'a', namespace: 'default' },
      spec: {
        replicas: n,
        selector: { matchLabels: { app: 'a' } },
        template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
      },
    })
    await cluster.until(
      'ready',
      async () =>
        (await cluster.client.get(deployments, { name: 'a', namespace: 'default' })).status?.readyReplicas === n,
      '10m',
    )
    console.log(
      n,
      'real ms',
      Math.round(performance.now() - t),
      'sim',
      cluster.clock.now() - Date.UTC(2026, 0, 1),
      'writes',
      cluster.writes.length,
      'rss',
      Math.round(process.memoryUsage().rss / 1e6),
    )
    await cluster[Symbol.asyncDispose]()
  }
})
