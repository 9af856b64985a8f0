import type { CriConnection } from './criRuntime.ts'
import type { PodRecords } from './podRecords.ts'

const topics = ['topic~="/tasks/(start|exit|oom|delete)"']

/**
 * Notes what containerd tells of tasks until the stream ends. An exec is a process of its own within a container: its
 * end is not the container's.
 */
export async function followTaskEvents(
  connection: CriConnection,
  records: PodRecords,
  changed: (podUid: string | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const { topic, containerId, processId } of connection.events(topics, signal)) {
    if (topic === '/tasks/exit' && processId !== '' && processId !== containerId) continue
    changed(records.noteTask(containerId, topic === '/tasks/exit'))
  }
}
