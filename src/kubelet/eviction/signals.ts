/** What of a node may run short: each signal with the condition that tells of it and the resource that pods give back. */
import type { StatsSource } from '../api/statsSource.ts'

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure'

export type SignalName =
  | 'memory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'pid.available'

export interface Signal {
  readonly condition: PressureCondition
  /** As events and messages call it. */
  readonly resource: 'memory' | 'ephemeral-storage' | 'inodes' | 'pids'
}

/** Memory comes first: it is the first to be reclaimed. */
export const signals: Readonly<Record<SignalName, Signal>> = {
  'memory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'pid.available': { condition: 'PIDPressure', resource: 'pids' },
}

export const signalNames = Object.keys(signals) as readonly SignalName[]

/** What there is of something, and what is left of it: bytes, inodes or processes. */
export interface Observation {
  readonly capacity: number
  readonly available: number
}

/** What was seen; a signal that cannot be read is absent. */
export type Observations = ReadonlyMap<SignalName, Observation>

/** Reads some signals, and nothing for the sake of others. `imageFolder` is where the runtime keeps images. */
export async function readSignals(
  source: StatsSource,
  imageFolder: () => Promise<string>,
  wanted: ReadonlySet<SignalName>,
): Promise<Observations> {
  const found = new Map<SignalName, Observation>()
  const note = (name: SignalName, capacity: number, available: number): void => {
    // Some file systems do not count inodes, and what cannot be measured is no reason to act.
    if (wanted.has(name) && capacity > 0) found.set(name, { capacity, available })
  }
  const { files, folder, machine } = source.options
  if (wanted.has('memory.available')) {
    const used = source.node()?.memoryWorkingSetBytes
    if (used !== undefined) note('memory.available', machine.memoryBytes, Math.max(0, machine.memoryBytes - used))
  }
  for (const name of ['nodefs', 'imagefs'] as const) {
    if (!wanted.has(`${name}.available`) && !wanted.has(`${name}.inodesFree`)) continue
    const space = await files.space(name === 'nodefs' ? folder : await imageFolder())
    note(`${name}.available`, space.totalBytes, space.freeBytes)
    note(`${name}.inodesFree`, space.totalInodes, space.freeInodes)
  }
  if (wanted.has('pid.available')) {
    const processes = await source.processes()
    if (processes !== undefined) note('pid.available', processes.most, processes.most - processes.running)
  }
  return found
}
