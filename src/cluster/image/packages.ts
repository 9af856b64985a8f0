/** Files of Debian packages, without installing them. */
import type { Host } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'

import type { Architecture } from './pause.ts'

interface PackageFolders {
  /** Packages are kept here between builds. */
  readonly packageFolder: string
  /** Where they are unpacked. */
  readonly workFolder: string
  readonly architecture: Architecture
}

/**
 * A folder with the files of all `packages` that are not installed on this machine, or undefined when every one is. A
 * package comes from `packageFolder`, from apt's own cache, or is downloaded into `packageFolder` with apt-get.
 */
export async function fetchPackages(
  host: Host,
  packages: readonly string[],
  folders: PackageFolders,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const wanted: string[] = []
  for (const name of packages) if (!(await isInstalled(host, name, signal))) wanted.push(name)
  if (wanted.length === 0) return undefined
  await host.files.remove(folders.workFolder)
  await host.files.makeFolder(folders.workFolder, 0o700)
  await unpack(host, wanted, folders, signal)
  return folders.workFolder
}

/** Puts beside what `fetchPackages` has unpacked the files of what these packages depend on and this machine lacks. */
export async function fetchDependencies(
  host: Host,
  packages: readonly string[],
  folders: PackageFolders,
  signal?: AbortSignal,
): Promise<void> {
  const words = ['--simulate', '--no-install-recommends', 'install', ...packages]
  const names = parseSimulated(await runApt(host, words, packages, '/', signal))
  await unpack(
    host,
    names.filter((name) => !packages.includes(name)),
    folders,
    signal,
  )
}

/** The names of what apt-get would install, from what it says with `--simulate`. */
export const parseSimulated = (text: string): string[] =>
  [...text.matchAll(/^Inst (\S+) /gm)].map(([, name]) => name!.replace(/:.*$/, ''))

async function unpack(
  host: Host,
  wanted: readonly string[],
  folders: PackageFolders,
  signal?: AbortSignal,
): Promise<void> {
  await host.files.makeFolder(folders.packageFolder)
  const find = async (name: string): Promise<string | undefined> => {
    for (const folder of [folders.packageFolder, '/var/cache/apt/archives']) {
      const file = findPackageFile(await host.files.list(folder), name, folders.architecture)
      if (file !== undefined) return `${folder}/${file}`
    }
    return undefined
  }
  const absent: string[] = []
  for (const name of wanted) if ((await find(name)) === undefined) absent.push(name)
  if (absent.length > 0) await runApt(host, ['download', ...absent], absent, folders.packageFolder, signal)
  for (const name of wanted) {
    const file = await find(name)
    if (file === undefined)
      throw new Error(`Cannot get the package ${name} for the image: apt-get downloaded another one`)
    await runChecked(host.processes, ['dpkg-deb', '--extract', file, folders.workFolder], {}, signal)
  }
}

/** What apt-get says, run in a folder. A fresh machine or image has no package lists yet, or old ones: they are renewed once. */
async function runApt(
  host: Host,
  command: readonly string[],
  packages: readonly string[],
  folder: string,
  signal?: AbortSignal,
): Promise<string> {
  const apt = (...words: readonly string[]): Promise<string> =>
    runChecked(
      host.processes,
      ['apt-get', '--quiet', '-o', 'APT::Sandbox::User=root', ...words],
      { cwd: folder, timeoutMs: 120_000 },
      signal,
    )
  try {
    return await apt(...command).catch(async () => {
      signal?.throwIfAborted()
      await apt('update')
      return await apt(...command)
    })
  } catch (error) {
    signal?.throwIfAborted()
    throw new Error(`Cannot get the packages ${packages.join(', ')} for the image: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** The newest file of a package among `names` (`NAME_VERSION_ARCHITECTURE.deb`), by name order; undefined when there is none. */
export function findPackageFile(
  names: readonly string[],
  wanted: string,
  architecture: Architecture,
): string | undefined {
  return names
    .filter((file) => {
      const [name, , kind] = file.split('_')
      return name === wanted && (kind === `${architecture}.deb` || kind === 'all.deb')
    })
    .toSorted()
    .at(-1)
}

async function isInstalled(host: Host, name: string, signal?: AbortSignal): Promise<boolean> {
  try {
    const result = await host.processes.run(
      ['dpkg-query', '--show', '--showformat=${db:Status-Status}', name],
      {},
      signal,
    )
    return result.code === 0 && result.stdout === 'installed'
  } catch (error) {
    signal?.throwIfAborted()
    throw new Error(`Cannot take files from Debian packages on this machine: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
