import { dirname } from 'node:path'
import type { Surroundings } from '#cluster/commands/command.ts'
import { components } from './components.ts'
import { assembleNode } from './assembly.ts'
import { logNameOf, partLogFile, partLogSink } from './partLogs.ts'
import { controlPlaneName } from './processes.ts'
import { ingressPart, partsOf } from './systemPods.ts'
import { clusterPaths, readRecord } from './record.ts'
import { runComponents } from '#lib/component.ts'
import { stackOf } from '#lib/errorText.ts'
import { releaseLeftovers } from '#lib/host/memory.ts'
import { boundedStderrSink, createLogger } from '#lib/log.ts'

/** By then a cluster that nobody uses yet has come to rest, in milliseconds. */
const startIsOver = 12_000

/** Runs the process of one node until it is told to end: the control plane's parts where it has them, and the node's. */
export async function runNodeProcess(surroundings: Surroundings, cluster: string, node: string): Promise<void> {
  const { host, roots, clock, signal } = surroundings
  const record = await readRecord(host.files, cluster, roots)
  if (record === undefined)
    throw new Error(`there is no cluster "${cluster}" at ${clusterPaths(cluster, roots).dataFolder}`)
  const parts = [...partsOf(record.config, node === controlPlaneName), ingressPart]
  const logFolder = clusterPaths(cluster, roots).podLogFolder(node)
  for (const { name } of parts) await host.files.makeFolder(dirname(partLogFile(logFolder, name)))
  using partLogs = partLogSink(
    logFolder,
    parts.map(({ name }) => name),
  )
  const log = createLogger({ clock, sinks: [boundedStderrSink(), partLogs] })
  const assembly = await assembleNode(surroundings, record, node, log)
  const running = components.filter(({ runsIn }) => runsIn(assembly)).map(({ make }) => make(assembly))
  process.on('uncaughtException', (error) =>
    log.error('A bug: an error that nobody caught', { error: error.stack ?? String(error) }),
  )
  process.on('unhandledRejection', (reason) =>
    log.error('A bug: a rejection that nobody caught', {
      error: stackOf(reason),
    }),
  )
  using _ = clock.after(startIsOver, () => releaseLeftovers())
  await runComponents(running, signal, (name, event) => {
    if (event === 'ready') assembly.ready.add(name)
    if (event === 'stopping') assembly.ready.delete(name)
    log.child(logNameOf(name)).info(`${name} ${event}`)
  })
}
