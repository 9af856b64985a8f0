/** Asks a node's agent for a connection: one whose agent or machine is gone gives none. */
import { connect } from 'node:net'
import type { Node } from '#api/core/v1/node.ts'

const patience = 1_000

/** Whether the port of a node's agent takes a connection within a second. */
export async function probeAgent({ status }: Node, signal: AbortSignal): Promise<boolean> {
  const host = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  const port = status?.daemonEndpoints?.kubeletEndpoint?.Port
  if (host === undefined || port === undefined || signal.aborted) return false
  const socket = connect({ host, port })
  const outcome = Promise.withResolvers<boolean>()
  const stop = (): void => outcome.resolve(false)
  socket.setTimeout(patience, stop)
  socket.on('connect', () => outcome.resolve(true)).on('error', stop)
  signal.addEventListener('abort', stop, { once: true })
  const answers = await outcome.promise
  signal.removeEventListener('abort', stop)
  socket.destroy()
  return answers
}
