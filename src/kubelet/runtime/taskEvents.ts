import type { CriConnection } from './criRuntime.ts'
import type { PodRecords } from './podRecords.ts'

/**
 * A task that ended is deleted at once; by its exit alone nothing can be read of it yet, and execs have exits too. Starts
 * are the agent's own calls, whose answers say more: to hear of each again costs two more looks at every new pod.
 */
const topics = ['topic~="/tasks/(oom|delete)"']

/** Notes what containerd tells of tasks until the stream ends. */
export async function followTaskEvents(
  connection: CriConnection,
  records: PodRecords,
  changed: (podUid: string | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const { topic, containerId } of connection.events(topics, signal))
    changed(records.noteTask(containerId, topic === '/tasks/delete'))
}
