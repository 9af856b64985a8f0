import type { Files } from '#lib/host/files.ts'
import type { ContainerRuntime } from '../runtime/containerRuntime.ts'

/** Where images are, and what containers write. */
export interface ImageDisk {
  folder(): Promise<string>
  /** Whether it is another file system than that of the node's own files. */
  isOwn(): Promise<boolean>
}

/** Asks the runtime once: neither changes while it runs. */
export function imageDisk(
  runtime: Pick<ContainerRuntime, 'imageStore'>,
  files: Pick<Files, 'status'>,
  nodeFolder: string,
  signal: AbortSignal,
): ImageDisk {
  let found: Promise<{ folder: string; isOwn: boolean }> | undefined
  const find = async (): Promise<{ folder: string; isOwn: boolean }> => {
    const { folder } = await runtime.imageStore(signal)
    const [images, node] = await Promise.all([files.status(folder), files.status(nodeFolder)])
    return { folder, isOwn: images?.device !== node?.device }
  }
  const known = (): Promise<{ folder: string; isOwn: boolean }> =>
    (found ??= find().catch((error: unknown) => {
      found = undefined
      throw error
    }))
  return {
    folder: async () => (await known()).folder,
    isOwn: async () => (await known()).isOwn,
  }
}
