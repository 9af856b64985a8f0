import type { Surroundings } from '#cluster/commands/command.ts'
import { takeLock } from '#lib/host/files.ts'

/** What only one command of ours may do at a time on this machine. */
export interface Exclusive {
  /** The name of the lock's file, without what all of them share. */
  readonly name: string
  /** As in `process 4711 has been changing the kubeconfig for 10 s`. */
  readonly doing: string
  /** How long to wait for another command, in milliseconds. */
  readonly patience: number
}

/** The kubeconfig is read and written as a whole. */
export const changingKubeconfig: Exclusive = { name: 'kubeconfig', doing: 'changing the kubeconfig', patience: 10_000 }

/** Builds share the folders that packages are kept and unpacked in. */
export const buildingImages: Exclusive = { name: 'images', doing: 'building images', patience: 300_000 }

/** Whoever installs keeps services from being started for just that long. */
export const installingPackages: Exclusive = { name: 'packages', doing: 'installing packages', patience: 600_000 }

/** Does something while no other command of ours does it; rejects when another one takes too long, or on an interrupt before. */
export async function whileAlone<T>(
  { host, roots, signal }: Pick<Surroundings, 'host' | 'roots'> & Partial<Pick<Surroundings, 'signal'>>,
  { name, doing, patience }: Exclusive,
  work: () => Promise<T>,
  /** Told once when there is another command to wait for. */
  waiting: (message: string) => void = () => {},
): Promise<T> {
  await host.files.makeFolder(roots.runtime, 0o711)
  const self = host.processes.identify(process.pid)!
  const began = host.clock.now()
  let isTold = false
  for (;;) {
    const lock = await takeLock(host.files, host.processes, `${roots.runtime}/.${name}.lock`, self)
    if ('release' in lock) {
      try {
        return await work()
      } finally {
        await lock.release()
      }
    }
    const waited = host.clock.now() - began
    const other = `process ${lock.heldBy.pid}`
    if (waited >= patience) throw new Error(`${other} has been ${doing} for ${patience / 1000} s`)
    if (waited >= 1_000 && !isTold) {
      waiting(`Waiting for ${other}, which is ${doing}`)
      isTold = true
    }
    await host.clock.sleep(20, signal)
  }
}
