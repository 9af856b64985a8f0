import { arch, availableParallelism, release } from 'node:os'
import type { Files } from '#lib/host/files.ts'

/** What the machine is, as the Node object tells it. */
export interface MachineFacts {
  readonly cpus: number
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly machineId: string
  readonly systemUuid: string
  readonly bootId: string
  readonly kernelVersion: string
  readonly osImage: string
  /** In Go's words: `amd64`, `arm64`. */
  readonly architecture: string
  readonly swapBytes: number
  /** Whether the kernel confines programs by AppArmor. */
  readonly hasAppArmor: boolean
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

/** Reads /proc and /etc of the machine on which this process runs. */
export async function readMachine(files: Files, folder: string): Promise<MachineFacts> {
  const text = async (path: string): Promise<string> =>
    ((await files.readText(path).catch(() => undefined)) ?? '').trim()
  const memory = parseMemInfo(await text('/proc/meminfo'))
  const osRelease = await text('/etc/os-release')
  const machineId =
    (await text('/etc/machine-id')) || (await text('/proc/sys/kernel/random/boot_id')).replaceAll('-', '')
  return {
    cpus: availableParallelism(),
    memoryBytes: (memory.get('MemTotal') ?? 0) * 1024,
    diskBytes: (await files.space(folder)).totalBytes,
    machineId,
    systemUuid: (await text('/sys/class/dmi/id/product_uuid')) || machineId,
    bootId: await text('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
    architecture: architectures[arch()] ?? arch(),
    swapBytes: (memory.get('SwapTotal') ?? 0) * 1024,
    hasAppArmor: (await text('/sys/module/apparmor/parameters/enabled')) === 'Y',
  }
}

/** Lines of `Name:  number kB`. */
function parseMemInfo(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  for (const [, name, value] of text.matchAll(/^(\w+):\s+(\d+)/gm)) values.set(name!, Number(value))
  return values
}
