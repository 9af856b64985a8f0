/** Images as archives in the OCI layout, which containerd imports and other tools read. */
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'

import { extract, pack } from 'tar-stream'

import type { Architecture } from './pause.ts'

/** The `config` part of an OCI image: how to start a container. */
export interface ImageConfig {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
}

/** One image for one architecture. */
export interface Image {
  readonly architecture: Architecture
  readonly config: ImageConfig
  /** The lowest first. */
  readonly layers: readonly Layer[]
}

export interface Layer {
  readonly compressed: Buffer
  /** Digest of the layer's archive before compression. */
  readonly diffId: string
}

export interface ImageArchive {
  readonly bytes: Buffer
  /** Digest of the configuration: what CRI calls the image's id. */
  readonly id: string
  readonly manifestDigest: string
}

/** `sha256:` and 64 digits. */
export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A layer of an image from its tar archive, compressed lightly: it stays on this machine. */
export const makeLayer = (archive: Buffer): Layer => ({
  compressed: gzipSync(archive, { level: 1 }),
  diffId: digestOf(archive),
})

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
}

/** The archive that gives an image its full `name` when it is imported. The same image and name give the same bytes. */
export async function writeArchive(image: Image, name: string): Promise<ImageArchive> {
  const blobs = new Map<string, Buffer>()
  const store = (bytes: Buffer, mediaType: string) => {
    const digest = digestOf(bytes)
    blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  const created = '1970-01-01T00:00:00Z'
  const layers = image.layers.map((layer) => store(layer.compressed, types.layer))
  const config = store(
    json({
      created,
      architecture: image.architecture,
      os: 'linux',
      config: image.config,
      rootfs: { type: 'layers', diff_ids: image.layers.map((layer) => layer.diffId) },
      history: image.layers.map(() => ({ created, created_by: 'k8ts image build' })),
    }),
    types.config,
  )
  const manifest = store(json({ schemaVersion: 2, mediaType: types.manifest, config, layers }), types.manifest)
  const annotations = {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': name.replace(/^.*:/, ''),
  }
  const platform = { architecture: image.architecture, os: 'linux' }
  const index = { schemaVersion: 2, manifests: [{ ...manifest, platform, annotations }] }
  const files: [string, Buffer][] = [
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
    ['index.json', json(index)],
    ...[...blobs].map(([digest, bytes]): [string, Buffer] => [`blobs/${digest.replace(':', '/')}`, bytes]),
  ]
  return { bytes: await packFiles(files), id: config.digest, manifestDigest: manifest.digest }
}

async function packFiles(files: readonly (readonly [string, Buffer])[]): Promise<Buffer> {
  const archive = pack()
  const pieces: Buffer[] = []
  const collected = (async () => {
    for await (const piece of archive) pieces.push(piece as Buffer)
  })()
  for (const [name, bytes] of files) archive.entry({ name, size: bytes.length, mode: 0o644, mtime: new Date(0) }, bytes)
  archive.finalize()
  await collected
  return Buffer.concat(pieces)
}

/** More than this is refused as an archive. */
export const maxArchiveBytes = 2 * 1024 ** 3

interface Descriptor {
  readonly mediaType?: string
  readonly digest: string
  readonly platform?: { readonly architecture?: string; readonly os?: string }
  readonly annotations?: Readonly<Record<string, string>>
}

/** Reads an archive in the OCI layout back: the image for `architecture` and the names it bears. Rejects with what is wrong with it. */
export async function readArchive(
  bytes: Buffer,
  architecture: Architecture,
): Promise<{ image: Image; names: string[] }> {
  if (bytes.length > maxArchiveBytes)
    throw new RangeError(`Cannot read the image archive: more than ${maxArchiveBytes} bytes`)
  const files = await unpackFiles(bytes)
  const indexText = files.get('index.json')
  if (indexText === undefined)
    throw new Error('Cannot read the image archive: it has no index.json, so it is not in the OCI layout')
  const blob = (digest: string): Buffer => {
    const found = files.get(`blobs/${digest.replace(':', '/')}`)
    if (found === undefined) throw new Error(`Cannot read the image archive: blob ${digest} is missing`)
    if (digestOf(found) !== digest) throw new Error(`Cannot read the image archive: blob ${digest} has another content`)
    return found
  }
  const parse = (text: Buffer): unknown => JSON.parse(text.toString('utf8'))
  const choose = (list: readonly Descriptor[]): Descriptor => {
    const fitting =
      list.find((item) => item.platform?.architecture === architecture) ??
      list.find((item) => item.platform === undefined)
    if (fitting === undefined) throw new Error(`Cannot read the image archive: it has no image for ${architecture}`)
    return fitting
  }
  const index = parse(indexText) as { manifests?: readonly Descriptor[] }
  const manifests = index.manifests ?? []
  const names = manifests.flatMap((item) => item.annotations?.['io.containerd.image.name'] ?? [])
  let manifest = parse(blob(choose(manifests).digest)) as {
    manifests?: readonly Descriptor[]
    config?: Descriptor
    layers?: readonly Descriptor[]
  }
  if (manifest.manifests !== undefined) manifest = parse(blob(choose(manifest.manifests).digest)) as typeof manifest
  if (manifest.config === undefined || manifest.layers === undefined)
    throw new Error('Cannot read the image archive: its manifest has no config or layers')
  const config = parse(blob(manifest.config.digest)) as {
    config?: ImageConfig
    rootfs?: { diff_ids?: readonly string[] }
  }
  const layers = manifest.layers.map(({ digest, mediaType = types.layer }, position): Layer => {
    const diffId = config.rootfs?.diff_ids?.[position]
    if (diffId === undefined)
      throw new Error('Cannot read the image archive: its config names fewer layers than its manifest')
    if (mediaType.endsWith('tar')) return makeLayer(blob(digest))
    if (!mediaType.endsWith('gzip'))
      throw new Error(`Cannot read the image archive: layers of type ${mediaType} are not supported`)
    return { compressed: blob(digest), diffId }
  })
  return { image: { architecture, config: config.config ?? {}, layers }, names }
}

/**
 * One archive with the images of several, each blob once: images that share layers, or are the same under other names, are
 * imported much sooner so. `names` says for each archive what its images are called.
 */
export async function mergeArchives(
  archives: readonly Buffer[],
): Promise<{ readonly bytes: Buffer; readonly names: readonly (readonly string[])[] }> {
  const files = new Map<string, Buffer>()
  const manifests: Descriptor[] = []
  const names: string[][] = []
  for (const archive of archives) {
    const own = await unpackFiles(archive)
    const indexText = own.get('index.json')
    if (indexText === undefined)
      throw new Error('Cannot read the image archive: it has no index.json, so it is not in the OCI layout')
    const index = JSON.parse(indexText.toString('utf8')) as { manifests?: readonly Descriptor[] }
    manifests.push(...(index.manifests ?? []))
    names.push((index.manifests ?? []).flatMap((item) => item.annotations?.['io.containerd.image.name'] ?? []))
    for (const [name, bytes] of own) files.set(name, bytes)
  }
  files.set('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })))
  return { bytes: await packFiles([...files]), names }
}

async function unpackFiles(bytes: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const archive = extract()
  archive.end(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: maxArchiveBytes }) : bytes)
  try {
    for await (const entry of archive) {
      const pieces: Buffer[] = []
      for await (const piece of entry) pieces.push(piece as Buffer)
      files.set(entry.header.name.replace(/^\.\//, ''), Buffer.concat(pieces))
    }
  } catch (error) {
    throw new Error(`Cannot read the image archive: ${(error as Error).message}`, { cause: error })
  }
  return files
}
