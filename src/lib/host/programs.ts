/** Where the programs of a machine are. */
import type { Files } from './files.ts'

/** Where programs are looked for; a service's own PATH may lack the folders of root's programs. */
export const programPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The first of the usual folders that has a program; undefined when none has. */
export async function findProgram(host: { readonly files: Files }, name: string): Promise<string | undefined> {
  for (const folder of programPath.split(':')) {
    const found = await host.files.status(`${folder}/${name}`)
    if (found?.kind === 'file' || found?.kind === 'link') return `${folder}/${name}`
  }
  return undefined
}
