/** The machine and the programs under which figures were taken; without them a figure says little. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { promisify } from 'node:util'

/** The programs beside which we measure, each with how it says its version. */
const programs: readonly (readonly [string, ...string[]])[] = [
  ['containerd', '--version'],
  ['crun', '--version'],
  ['runc', '--version'],
  ['etcd', '--version'],
  ['wrk', '--version'],
]

/** One line each: processors, memory, load, kernel, where temporary files lie, versions. */
export async function describeConditions(): Promise<readonly string[]> {
  const versions = await Promise.all(programs.map(readVersion))
  return [
    `${availableParallelism()} processors (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    `load ${loadavg()
      .map((each) => each.toFixed(2))
      .join(' ')} (1, 5, 15 minutes), shared by everything measured and by what loads it`,
    `temporary files on ${await fileSystemOf(tmpdir())}, clusters on ${await fileSystemOf('/var/lib')}`,
    `Node ${process.versions.node}, V8 ${process.versions.v8}; ${versions.filter((text) => text !== undefined).join(', ')}`,
  ]
}

async function readVersion([program, ...args]: readonly [string, ...string[]]): Promise<string | undefined> {
  // wrk says its version and fails.
  const said = await promisify(execFile)(program, args).catch((error: { code?: unknown; stdout?: string }) => error)
  if ('code' in said && said.code === 'ENOENT') return undefined
  const number = /\d+\.\d+(\.\d+)?/.exec(said.stdout ?? '')?.[0]
  return number === undefined ? undefined : `${program} ${number}`
}

/** The type of the file system that holds a path: the mount with the longest name above it. */
async function fileSystemOf(path: string): Promise<string> {
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' '))
  const above = mounts.filter(([, target]) => target === '/' || `${path}/`.startsWith(`${target}/`))
  const [, , type] = above.toSorted((a, b) => b[1]!.length - a[1]!.length)[0] ?? []
  return type ?? 'an unknown file system'
}
