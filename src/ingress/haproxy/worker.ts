/** As whom workers of HAProxy run: nobody who could do anything else. Their master stays who we are, and reads what they need. */
import type { Files } from '#lib/host/files.ts'

export interface Worker {
  /** Absent where we are not root and cannot choose. */
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Lets it connect to a socket of ours. */
  admit(socketPath: string): Promise<void>
  /** Lets it reach sockets in a folder, but not list what is there. */
  open(folder: string): Promise<void>
}

/** As systems have it that do not know the user `haproxy`. */
const nobody = { uid: 65_534, gid: 65_534 }

export async function findWorker(files: Files, ownUser = process.getuid?.() ?? 0): Promise<Worker> {
  if (ownUser !== 0) return { admit: async () => undefined, open: async () => undefined }
  const users = (await files.readText('/etc/passwd')) ?? ''
  const [, uid, gid] = /^haproxy:[^:]*:(\d+):(\d+):/m.exec(users) ?? []
  const user = uid === undefined || gid === undefined ? nobody : { uid: Number(uid), gid: Number(gid) }
  const give = async (path: string, mode: number): Promise<void> => {
    await files.setOwner(path, ownUser, user.gid)
    await files.setMode(path, mode)
  }
  return { user, admit: (path) => give(path, 0o660), open: (folder) => give(folder, 0o710) }
}
