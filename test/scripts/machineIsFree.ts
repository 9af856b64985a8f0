import { existsSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/**
 * Settles once the file that `SESSIONS_AFTER` names is there, which whoever also runs other tests makes when these are
 * over; at once without that variable.
 */
export async function machineIsFree(): Promise<void> {
  const path = process.env['SESSIONS_AFTER']
  if (path === undefined) return
  const changes = watch(dirname(path))
  const next = changes[Symbol.asyncIterator]()
  // The first call begins to watch, so that nothing is missed between the look and the wait.
  for (let change = next.next(); !existsSync(path); change = next.next()) {
    const { done, value } = await change
    if (done === true || (value.filename === basename(path) && existsSync(path))) break
  }
  await next.return?.()
}
