import type { Host } from '#lib/host/host.ts'
import type { DataPlaneMaker } from './dataPlane.ts'

const haproxyPaths: readonly string[] = ['/usr/local/sbin/haproxy', '/usr/sbin/haproxy']

async function findHaproxy({ files }: Pick<Host, 'files'>): Promise<string | undefined> {
  for (const path of haproxyPaths) if ((await files.status(path)) !== undefined) return path
  return undefined
}

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
