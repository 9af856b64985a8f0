import type { Surroundings } from '#cluster/commands/command.ts'
import { components } from '#cluster/components.ts'
import { assembleNode } from '#cluster/assembly.ts'
import { clusterPaths, readRecord } from '#cluster/record.ts'
import { runComponents } from '#lib/component.ts'
import { createLogger, stderrSink } from '#lib/log.ts'

/** Runs the process of one node until it is told to end: the control plane's parts where it has them, and the node's. */
export async function runNodeProcess(surroundings: Surroundings, cluster: string, node: string): Promise<void> {
  const { host, roots, clock, signal } = surroundings
  const record = await readRecord(host.files, cluster, roots)
  if (record === undefined)
    throw new Error(`there is no cluster "${cluster}" at ${clusterPaths(cluster, roots).dataFolder}`)
  const log = createLogger({ clock, sinks: [stderrSink()] })
  const assembly = await assembleNode(surroundings, record, node, log)
  const parts = components.filter(({ runsIn }) => runsIn(assembly)).map(({ make }) => make(assembly))
  process.on('uncaughtException', (error) =>
    log.error('A bug: an error that nobody caught', { error: error.stack ?? String(error) }),
  )
  process.on('unhandledRejection', (reason) =>
    log.error('A bug: a rejection that nobody caught', {
      error: reason instanceof Error ? (reason.stack ?? '') : String(reason),
    }),
  )
  await runComponents(parts, signal, (name, event) => log.info(`${name} ${event}`))
}
