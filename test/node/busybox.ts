/** Debian's static busybox for tests that run its commands in a network namespace: unpacked, not installed. */
import { join } from 'node:path'

import { architectureOf } from '#cluster/image/build.ts'
import { fetchPackages } from '#cluster/image/packages.ts'
import type { Host } from '#lib/host/host.ts'

/** The path of the program; `folder` must last as long as it is used. */
export async function busyboxIn(host: Host, folder: string): Promise<string> {
  const unpacked = await fetchPackages(host, ['busybox-static'], {
    packageFolder: join(folder, 'packages'),
    workFolder: join(folder, 'busybox'),
    architecture: architectureOf(process.arch),
  })
  return `${unpacked ?? ''}/bin/busybox`
}
