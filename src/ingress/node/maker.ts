import type { DataPlaneMaker } from '#ingress/dataPlane.ts'
import { startThread } from './thread.ts'

/** The data plane in Node, which runs everywhere. */
export const nodeDataPlane: DataPlaneMaker = {
  kind: 'node',
  isAvailable: async () => true,
  async start(options, signal) {
    signal.throwIfAborted()
    return await startThread(options)
  },
}
