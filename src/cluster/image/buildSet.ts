/** Build files to kept archives: one file, or a folder of files that start from each other. */
import { dirname } from 'node:path'

import type { Host } from '#lib/host/host.ts'

import { buildImage, nameImage } from './build.ts'
import type { BuildContext } from './build.ts'
import { maxBuildFileBytes, parseBuildFile } from './buildFile.ts'
import type { BuildFile } from './buildFile.ts'
import type { Architecture } from './pause.ts'
import { normalizeImageName } from './reference.ts'
import { findSavedImage, saveImage } from './store.ts'

/** Where a machine keeps what image building needs. */
export interface ImageFolders {
  /** Archives of finished images; see store.ts. */
  readonly images: string
  readonly packages: string
  readonly work: string
}

export interface BuiltImage {
  readonly name: string
  readonly id: string
  readonly archive: string
}

/** Builds one file and keeps the image under `names`, or under the file's own names when none are given. */
export async function buildFromFile(
  host: Host,
  path: string,
  names: readonly string[],
  folders: ImageFolders,
  architecture: Architecture,
  signal?: AbortSignal,
): Promise<BuiltImage[]> {
  const file = await readBuildFile(host, path)
  const wanted = names.length > 0 ? names : file.names
  if (wanted.length === 0) throw new Error(`Cannot build ${path}: the image has no name; give one`)
  const context: BuildContext = {
    folder: dirname(path),
    architecture,
    packageFolder: folders.packages,
    workFolder: folders.work,
    findImage: (name) => findSavedImage(host, folders.images, name),
  }
  const full = wanted.map(normalizeImageName)
  const image = await buildImage(host, file, context, signal)
  const built: BuiltImage[] = []
  for (const name of full) {
    const { bytes, id } = await nameImage(image, name)
    built.push({ name, id, archive: await saveImage(host, folders.images, name, bytes) })
  }
  return built
}

/** Builds every `.yaml` file of a folder, those first from which others start. */
export async function buildFolder(
  host: Host,
  folder: string,
  folders: ImageFolders,
  architecture: Architecture,
  signal?: AbortSignal,
): Promise<BuiltImage[]> {
  const files = new Map<string, BuildFile>()
  for (const name of await host.files.list(folder)) {
    if (name.endsWith('.yaml')) files.set(`${folder}/${name}`, await readBuildFile(host, `${folder}/${name}`))
  }
  if (files.size === 0) throw new Error(`Cannot build ${folder}: it has no file that ends with .yaml`)
  const built: BuiltImage[] = []
  for (const path of orderBuilds(files))
    built.push(...(await buildFromFile(host, path, [], folders, architecture, signal)))
  return built
}

async function readBuildFile(host: Host, path: string): Promise<BuildFile> {
  const text = await host.files.readText(path, maxBuildFileBytes)
  if (text === undefined) throw new Error(`Cannot build ${path}: there is no such file`)
  try {
    return parseBuildFile(text)
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** The paths in an order in which each file comes after the one it starts from; rejects a circle. */
export function orderBuilds(files: ReadonlyMap<string, Pick<BuildFile, 'names' | 'from'>>): string[] {
  const makers = new Map<string, string>()
  for (const [path, file] of files) for (const name of file.names) makers.set(normalizeImageName(name), path)
  const done: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (done.includes(path)) return
    if (trail.includes(path))
      throw new Error(`Cannot build ${[...trail, path].join(' from ')}: they start from each other`)
    const { from } = files.get(path)!
    const isFile = from === 'scratch' || from.endsWith('.tar') || from.startsWith('/') || from.startsWith('./')
    const maker = isFile ? undefined : makers.get(normalizeImageName(from))
    if (maker !== undefined) visit(maker, [...trail, path])
    done.push(path)
  }
  for (const path of files.keys()) visit(path, [])
  return done
}
