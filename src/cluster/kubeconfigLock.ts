import type { Surroundings } from '#cluster/commands/command.ts'
import { takeLock } from '#lib/host/files.ts'

const patience = 10_000

/** Changes the user's kubeconfig while no other command of ours does: they read all of it and write all of it. */
export async function withKubeconfigLock(
  { host, roots }: Pick<Surroundings, 'host' | 'roots'>,
  change: () => Promise<void>,
): Promise<void> {
  await host.files.makeFolder(roots.runtime, 0o711)
  const self = host.processes.identify(process.pid)!
  const deadline = host.clock.now() + patience
  for (;;) {
    const lock = await takeLock(host.files, host.processes, `${roots.runtime}/.kubeconfig.lock`, self)
    if ('release' in lock) {
      try {
        return await change()
      } finally {
        await lock.release()
      }
    }
    if (host.clock.now() >= deadline)
      throw new Error(`process ${lock.heldBy.pid} has been changing the kubeconfig for ${patience / 1000} s`)
    await host.clock.sleep(20)
  }
}
