/**
 * cluster/image: images made without a registry and without a container tool, from files of this machine and of Debian
 * packages. Same input, same digests. Running them is containerd's business.
 */
import { dirname, isAbsolute, join } from 'node:path'

import type { FileStatus } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'

import { digestOf, makeLayer, readArchive, writeArchive } from './archive.ts'
import type { Image, ImageArchive, ImageConfig } from './archive.ts'
import type { BuildFile, CopyStep } from './buildFile.ts'
import { maxLayerBytes, packLayer } from './layer.ts'
import type { LayerEntry } from './layer.ts'
import { fetchDependencies, fetchPackages } from './packages.ts'
import type { Architecture } from './pause.ts'
import { normalizeImageName } from './reference.ts'

export interface BuildContext {
  /** Relative paths of the build file start here. */
  readonly folder: string
  readonly architecture: Architecture
  /** Debian packages are kept here between builds. */
  readonly packageFolder: string
  /** Where packages are unpacked; emptied first and removed afterwards. */
  readonly workFolder: string
  /** The archive of another image by its full name; undefined when it is not known. */
  findImage(name: string): Promise<Buffer | undefined>
}

/** This machine's architecture as images call it; rejects one for which we have none. */
export function architectureOf(nodeName: string): Architecture {
  if (nodeName === 'x64') return 'amd64'
  if (nodeName === 'arm64') return 'arm64'
  throw new Error(`Cannot make images for a machine of type "${nodeName}": only x64 and arm64 are supported`)
}

/** Makes the image that a build file describes, before it has a name. Rejects with the step that failed. */
export async function buildImage(
  host: Host,
  file: BuildFile,
  context: BuildContext,
  signal?: AbortSignal,
): Promise<Image> {
  const base = await findBase(host, file.from, context)
  const unpacked = await fetchPackages(host, file.packages, context, signal)
  try {
    const entries: LayerEntry[] = []
    for (const { path, mode = 0o755, uid = 0, gid = 0 } of file.folders)
      entries.push({ kind: 'folder', path, mode, uid, gid })
    let hasDependencies = false
    const addDependencies = async (): Promise<boolean> => {
      if (unpacked === undefined || hasDependencies) return false
      await fetchDependencies(host, file.packages, context, signal)
      return (hasDependencies = true)
    }
    for (const step of file.copy)
      entries.push(...(await copyEntries(host, step, context, { unpacked, addDependencies }, signal)))
    for (const { path, text, mode = 0o644, uid = 0, gid = 0 } of file.files) {
      entries.push({ kind: 'file', path, data: Buffer.from(text), mode, uid, gid })
    }
    for (const [path, target] of Object.entries(file.links)) entries.push({ kind: 'link', path, target })
    const layers = entries.length === 0 ? base.layers : [...base.layers, makeLayer(await packLayer(entries))]
    return { architecture: context.architecture, config: mergeConfig(base.config, file), layers }
  } finally {
    await host.files.remove(context.workFolder)
  }
}

/** The archive of an image under one of its names. The name is also a label, so that two names are two images and removing one leaves the other. */
export function nameImage(image: Image, name: string): Promise<ImageArchive> {
  const full = normalizeImageName(name)
  const labels = { ...image.config.Labels, 'org.opencontainers.image.ref.name': full }
  return writeArchive({ ...image, config: { ...image.config, Labels: labels } }, full)
}

async function findBase(host: Host, from: string, context: BuildContext): Promise<Pick<Image, 'config' | 'layers'>> {
  if (from === 'scratch') return { config: {}, layers: [] }
  if (from.endsWith('.tar') || from.startsWith('/') || from.startsWith('./')) {
    const path = isAbsolute(from) ? from : join(context.folder, from)
    const bytes = await host.files.read(path, 2 * 1024 ** 3)
    if (bytes === undefined) throw new Error(`Cannot start from "${from}": there is no file ${path}`)
    return (await readArchive(bytes, context.architecture)).image
  }
  const name = normalizeImageName(from)
  const bytes = await context.findImage(name)
  if (bytes === undefined)
    throw new Error(
      `Cannot start from image "${from}": it has not been built here; build it first, or name its archive (a path ending in .tar)`,
    )
  return (await readArchive(bytes, context.architecture)).image
}

/** The configuration of the new image: what the file says, else what the base says. A new entry point forgets the base's command. */
export function mergeConfig(base: ImageConfig, file: BuildFile): ImageConfig {
  const env = new Map((base.Env ?? []).map((line) => [line.slice(0, line.indexOf('=')), line] as const))
  for (const [key, value] of Object.entries(file.env)) env.set(key, `${key}=${value}`)
  const ports = { ...base.ExposedPorts, ...Object.fromEntries(file.ports.map((port) => [port, {}])) }
  const labels = { ...base.Labels, ...file.labels }
  const entrypoint = file.entrypoint ?? base.Entrypoint
  const cmd = file.cmd ?? (file.entrypoint === undefined ? base.Cmd : undefined)
  const user = file.user ?? base.User
  const workdir = file.workdir ?? base.WorkingDir
  const stopSignal = file.stopSignal ?? base.StopSignal
  return {
    ...(user === undefined ? {} : { User: user }),
    ...(Object.keys(ports).length === 0 ? {} : { ExposedPorts: ports }),
    ...(env.size === 0 ? {} : { Env: [...env.values()] }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(workdir === undefined ? {} : { WorkingDir: workdir }),
    ...(Object.keys(labels).length === 0 ? {} : { Labels: labels }),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
  }
}

/** Where files come from that this machine lacks. */
interface PackageFiles {
  /** The folder of what the build's packages have; undefined when all of them are installed here. */
  readonly unpacked: string | undefined
  /** Adds what they depend on; false when there is no more to add. */
  addDependencies(): Promise<boolean>
}

async function copyEntries(
  host: Host,
  step: CopyStep,
  context: BuildContext,
  fetched: PackageFiles,
  signal?: AbortSignal,
): Promise<LayerEntry[]> {
  const { unpacked } = fetched
  const source = await findSource(host, step.from, context, unpacked)
  const entries = await readTree(host, source, step.to, step, true)
  const only = entries.length === 1 ? entries[0] : undefined
  if (step.withApplets) {
    const names = (await runChecked(host.processes, [source, '--list-full'], {}, signal))
      .split('\n')
      .filter((line) => line !== '')
    for (const name of names)
      if (`/${name}` !== step.to) entries.push({ kind: 'link', path: `/${name}`, target: step.to })
  }
  if (step.withLibraries) {
    if (only?.kind !== 'file') throw new Error(`Cannot copy "${step.from}" with its libraries: it is not one program`)
    for (const library of await findLibraries(host, source, fetched, signal)) {
      const to = unpacked !== undefined && library.startsWith(`${unpacked}/`) ? library.slice(unpacked.length) : library
      entries.push(...(await readTree(host, library, to, {}, true)))
    }
  }
  return entries
}

async function findSource(
  host: Host,
  from: string,
  context: BuildContext,
  unpacked: string | undefined,
): Promise<string> {
  const candidates = isAbsolute(from)
    ? [...(unpacked === undefined ? [] : [unpacked + from]), from]
    : [join(context.folder, from)]
  for (const path of candidates) if ((await host.files.status(path)) !== undefined) return path
  throw new Error(
    `Cannot copy "${from}" into the image: there is no such file${isAbsolute(from) ? ' on this machine' : ` in ${context.folder}`}`,
  )
}

/** A file or folder of this machine as entries below `to`. Links inside folders are kept; at the top what they lead to is taken. */
async function readTree(
  host: Host,
  source: string,
  to: string,
  owner: Partial<CopyStep>,
  top: boolean,
): Promise<LayerEntry[]> {
  const status = await host.files.status(source)
  if (status === undefined) throw new Error(`Cannot copy "${source}" into the image: it has vanished`)
  const { uid = 0, gid = 0 } = owner
  if (status.kind === 'link') {
    const target = (await host.files.readLink(source))!
    if (!top) return [{ kind: 'link', path: to, target }]
    return readTree(host, isAbsolute(target) ? target : join(dirname(source), target), to, owner, true)
  }
  if (status.kind === 'file') {
    const data = await host.files.read(source, maxLayerBytes)
    return [{ kind: 'file', path: to, data: data!, mode: owner.mode ?? defaultMode(status), uid, gid }]
  }
  if (status.kind !== 'folder') throw new Error(`Cannot copy "${source}" into the image: it is a ${status.kind}`)
  const entries: LayerEntry[] = [{ kind: 'folder', path: to, mode: 0o755, uid, gid }]
  for (const name of await host.files.list(source)) {
    entries.push(...(await readTree(host, join(source, name), join(to, name), owner, false)))
  }
  return entries
}

/** Whether it can be run is all that is kept: who may read a file on this machine says nothing about the image. */
const defaultMode = (status: FileStatus): number => ((status.mode & 0o111) === 0 ? 0o644 : 0o755)

async function findLibraries(
  host: Host,
  program: string,
  { unpacked, addDependencies }: PackageFiles,
  signal?: AbortSignal,
): Promise<string[]> {
  const folders =
    unpacked === undefined
      ? []
      : ['/usr/lib', '/lib'].flatMap((path) => [
          `${unpacked}${path}/x86_64-linux-gnu`,
          `${unpacked}${path}/aarch64-linux-gnu`,
          `${unpacked}${path}`,
        ])
  const env = {
    PATH: '/usr/bin:/bin',
    LC_ALL: 'C',
    ...(folders.length === 0 ? {} : { LD_LIBRARY_PATH: folders.join(':') }),
  }
  const look = async (): Promise<ReturnType<typeof parseLibraries>> => {
    const result = await host.processes.run(['ldd', program], { env }, signal)
    const output = `${result.stdout}\n${result.stderr}`
    if (/not a dynamic executable|statically linked/.test(output)) return { paths: [], missing: [] }
    if (result.code !== 0) throw new Error(`Cannot find the libraries of "${program}": ${output.trim()}`)
    return parseLibraries(result.stdout)
  }
  let found = await look()
  if (found.missing.length > 0 && (await addDependencies())) found = await look()
  if (found.missing.length > 0)
    throw new Error(
      `Cannot copy "${program}" with its libraries: ${found.missing.join(', ')} not found on this machine; add their packages to the build file`,
    )
  return found.paths
}

/** Reads what `ldd` prints: the paths of what was found, and the names of what was not. */
export function parseLibraries(text: string): { paths: string[]; missing: string[] } {
  const paths: string[] = []
  const missing: string[] = []
  for (const line of text.split('\n')) {
    const [, name, found] = /^\s*(\S+) => (not found|\/\S+)/.exec(line) ?? []
    const loader = /^\s*(\/\S+) \(0x/.exec(line)?.[1]
    if (found === 'not found') missing.push(name!)
    else if (found !== undefined) paths.push(found)
    else if (loader !== undefined) paths.push(loader)
  }
  return { paths, missing }
}

/** A short name for the file that keeps an image's archive. */
export const archiveFileName = (fullName: string): string =>
  `${fullName.replaceAll(/[^a-zA-Z0-9.-]+/g, '_').slice(0, 100)}-${digestOf(Buffer.from(fullName)).slice(7, 15)}.tar`
