import { transportContract } from '#client/transportContract.ts'
import { startCluster } from './controllersCluster.ts'

transportContract('in-process', async () => {
  const cluster = await startCluster({ controllers: [] })
  return {
    transport: cluster.client.transport,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
})
