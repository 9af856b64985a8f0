/** Where a cluster keeps archives of images, so that each new place gets them, and how containerd takes them. */
import { messageOf } from '#lib/errorText.ts'
import type { Host } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'

import type { Place } from '../place/place.ts'
import { maxArchiveBytes, mergeArchives, readArchive, writeArchive, makeLayer } from './archive.ts'
import type { ImageArchive } from './archive.ts'
import { archiveFileName } from './build.ts'
import { packLayer } from './layer.ts'
import { assemblePause } from './pause.ts'
import type { Architecture } from './pause.ts'
import { normalizeImageName } from './reference.ts'

/**
 * Keeps an archive under a name for later imports; an older one of that name is replaced, the same one left as it is: by the
 * file's time each place knows that it has its images. Returns its path.
 */
export async function saveImage(
  host: Pick<Host, 'files'>,
  folder: string,
  name: string,
  archive: Uint8Array,
): Promise<string> {
  await host.files.makeFolder(folder)
  const path = `${folder}/${archiveFileName(normalizeImageName(name))}`
  const kept = await host.files.read(path, maxArchiveBytes)
  if (kept?.equals(archive) !== true) await host.files.write(path, archive, { sync: true })
  return path
}

/** The kept archive of a name; undefined when there is none. */
export const findSavedImage = (host: Pick<Host, 'files'>, folder: string, name: string): Promise<Buffer | undefined> =>
  host.files.read(`${folder}/${archiveFileName(normalizeImageName(name))}`, maxArchiveBytes)

/** Paths of all kept archives. */
export const listSavedImages = async (host: Pick<Host, 'files'>, folder: string): Promise<string[]> =>
  (await host.files.list(folder))
    .filter((name) => name.endsWith('.tar') && !name.startsWith('.'))
    .map((name) => `${folder}/${name}`)

/** Checks that a file is an image archive for this architecture and keeps it under `name`, or under the names it bears when none is given. Returns the full names. */
export async function adoptArchive(
  host: Pick<Host, 'files'>,
  folder: string,
  path: string,
  architecture: Architecture,
  name?: string,
): Promise<string[]> {
  const { image, names } = await readArchiveFile(host, path, architecture)
  const wanted = name === undefined ? names : [normalizeImageName(name)]
  if (wanted.length === 0) throw new Error(`Cannot import "${path}": the archive bears no name; give one`)
  for (const full of wanted) await saveImage(host, folder, full, (await writeArchive(image, full)).bytes)
  return wanted
}

async function readArchiveFile({ files }: Pick<Host, 'files'>, path: string, architecture: Architecture) {
  try {
    const bytes = await files.read(path, maxArchiveBytes)
    if (bytes === undefined) throw new Error('there is no such file')
    return await readArchive(bytes, architecture)
  } catch (error) {
    throw new Error(`Cannot import "${path}": ${messageOf(error)}`, { cause: error })
  }
}

/** The archive of the sandbox image under the name that containerd's configuration asks for. */
export async function buildPauseImage(architecture: Architecture, name: string): Promise<ImageArchive> {
  const layer = makeLayer(
    await packLayer([{ kind: 'file', path: '/pause', data: assemblePause(architecture), mode: 0o755 }]),
  )
  return writeArchive(
    { architecture, config: { Entrypoint: ['/pause'], WorkingDir: '/', User: '65535:65535' }, layers: [layer] },
    name,
  )
}

export interface ListedImage {
  readonly name: string
  readonly digest: string
  readonly size: string
}

const ctr = (place: Place, words: readonly string[]): readonly string[] =>
  place.enter(['ctr', '--address', place.layout.socket, '--namespace', 'k8s.io', ...words])

/** Gives a place's containerd the images of archives; it must be running. Kubernetes' view of the place has them at once. */
export async function importImages(
  host: Host,
  place: Place,
  archives: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (const archive of archives) {
    await runChecked(host.processes, ctr(place, ['images', 'import', archive]), { timeoutMs: 300_000 }, signal)
  }
}

/** Archives that are imported together are in memory together. */
const mostBatchBytes = 128 * 2 ** 20

/** An archive that a place has not got. */
interface Lacking {
  readonly path: string
  readonly stamp: string
  readonly bytes: Buffer
}

/** What was imported from an archive, and the state of the file then. */
type Imported = Record<string, { readonly stamp: string; readonly names: readonly string[] }>

/**
 * Gives a place those kept images that it lacks: not imported before, replaced since, or removed from it since. Returns the
 * names that were imported.
 */
export async function importSavedImages(
  host: Host,
  place: Place,
  folder: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const { layout, ephemeral } = place
  const note = `${ephemeral ? layout.placeFolder : layout.placeDataFolder}/imported.json`
  const before = JSON.parse((await host.files.readText(note)) ?? '{}') as Imported
  const present = new Set((await listImages(host, place, signal)).map((image) => image.name))
  const after: Imported = {}
  const imported: string[] = []
  let batch: Lacking[] = []
  let batchBytes = 0
  const importBatch = async (): Promise<void> => {
    const lacking = batch
    batch = []
    batchBytes = 0
    if (lacking.length === 0) return
    const { bytes, names } = await mergeArchives(lacking.map((each) => each.bytes))
    // Others may be giving the place images, too.
    const merged = `${layout.placeFolder}/images-${process.pid}.tar`
    await host.files.write(merged, bytes)
    try {
      await importImages(host, place, [merged], signal)
    } finally {
      await host.files.remove(merged)
    }
    for (const [at, { path, stamp }] of lacking.entries()) {
      after[path] = { stamp, names: names[at]! }
      imported.push(...names[at]!)
    }
  }
  for (const path of await listSavedImages(host, folder)) {
    const status = await host.files.status(path)
    if (status === undefined) continue
    const stamp = `${status.size} ${status.modified}`
    const known = before[path]
    if (known?.stamp === stamp && known.names.every((name) => present.has(name))) {
      after[path] = known
      continue
    }
    if (batchBytes + status.size > mostBatchBytes) await importBatch()
    const bytes = await host.files.read(path, maxArchiveBytes)
    if (bytes === undefined) continue
    batch.push({ path, stamp, bytes })
    batchBytes += bytes.length
  }
  await importBatch()
  if (imported.length > 0) await host.files.write(note, JSON.stringify(after))
  return imported
}

/** The images of a place's containerd by name, without those that are named by their digest only. */
export async function listImages(host: Host, place: Place, signal?: AbortSignal): Promise<ListedImage[]> {
  return parseImageList(await runChecked(host.processes, ctr(place, ['images', 'list']), {}, signal))
}

/** Reads the table of `ctr images list`: REF TYPE DIGEST SIZE PLATFORMS LABELS. */
export function parseImageList(text: string): ListedImage[] {
  const images: ListedImage[] = []
  for (const line of text.split('\n').slice(1)) {
    const [name, , digest, amount, unit] = line.trim().split(/\s+/)
    if (name === undefined || digest === undefined || amount === undefined || name.startsWith('sha256:')) continue
    images.push({ name, digest, size: unit === undefined || !/^[KMGT]?i?B$/.test(unit) ? amount : `${amount} ${unit}` })
  }
  return images
}
