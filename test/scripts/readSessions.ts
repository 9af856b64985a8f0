import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

import { parseSession, type Session } from './session.ts'

const folder = fileURLToPath(new URL('sessions', import.meta.url))

/** A session and the file that holds it. */
export interface SessionFile {
  readonly path: string
  readonly text: string
  readonly session: Session
}

/** The sessions whose names begin with one of these (all without any), by name. */
export function readSessions(beginnings: readonly string[] = []): readonly SessionFile[] {
  return globSync(`${folder}/*.session`)
    .toSorted()
    .filter((path) => beginnings.length === 0 || beginnings.some((start) => basename(path).startsWith(start)))
    .map((path) => {
      const text = readFileSync(path, 'utf8')
      return { path, text, session: parseSession(basename(path), text) }
    })
}
