import type { DataPlaneMaker } from './dataPlane.ts'
import { findHaproxy } from './haproxy/program.ts'

/** Those that there are, in the order in which they are preferred; loaded only where ingresses are served. */
export const dataPlanes: readonly DataPlaneMaker[] = [
  {
    kind: 'haproxy',
    isAvailable: async (host) => (await findHaproxy(host)) !== undefined,
    async start({ folder, listen, host, log, nameServers }) {
      const { haproxyDataPlane } = await import('./haproxy/dataPlane.ts')
      return await haproxyDataPlane({ folder, program: (await findHaproxy(host))!, listen, host, log, nameServers })
    },
  },
  {
    kind: 'node',
    isAvailable: async () => true,
    async start({ listen, log, nameServers, onEnd }) {
      const { startNodeDataPlane } = await import('./node/thread.ts')
      return await startNodeDataPlane({ listen, logger: log, nameServers, onDeath: onEnd })
    },
  },
]
