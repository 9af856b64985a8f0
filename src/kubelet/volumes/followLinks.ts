import type { FileStatus, Files } from '#lib/host/files.ts'

/** What is at the end of a path: a link to a folder is a folder. Undefined when nothing is. */
export async function statusBehindLinks(files: Files, path: string): Promise<FileStatus | undefined> {
  const real = await files.realPath(path)
  return real === undefined ? undefined : files.status(real)
}
