import type { DataPlaneMaker } from './dataPlane.ts'

/** Those that there are, in the order in which they are preferred; loaded only where ingresses are served. */
export const dataPlanes: readonly DataPlaneMaker[] = [
  {
    kind: 'node',
    isAvailable: async () => true,
    async start({ listen, log, nameServers, onEnd }) {
      const { startNodeDataPlane } = await import('./node/thread.ts')
      return await startNodeDataPlane({ listen, logger: log, nameServers, onDeath: onEnd })
    },
  },
]
