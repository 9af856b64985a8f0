// Programs of packages that tests need: found on this machine, or installed as Debian's packages.
import { installingPackages, whileAlone } from '#cluster/machineLock.ts'
import { installPackages } from '#cluster/packages.ts'
import { rootsFor } from '#cluster/record.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { findProgram } from '#lib/host/programs.ts'

/**
 * The path of a program; installs its package when there is none, and says so line by line. Rejects with what to do where it
 * cannot be installed.
 */
export function ensureProgram(name: string, packageName: string, report: (line: string) => void): Promise<string> {
  return ensureInstalled(name, packageName, report, () => findProgram(systemHost(systemClock), name))
}

/** What `find` finds; installs a package when it finds nothing. `name` is that of what is looked for. */
export async function ensureInstalled<T>(
  name: string,
  packageName: string,
  report: (line: string) => void,
  find: () => Promise<T | undefined>,
): Promise<T> {
  const present = await find()
  if (present !== undefined) return present
  const how = `"apt-get install ${packageName}" installs it on Debian`
  if (process.getuid?.() !== 0) throw new Error(`There is no ${name}, and installing it needs root: ${how}`)
  const host = systemHost(systemClock)
  if ((await findProgram(host, 'apt-get')) === undefined) throw new Error(`There is no ${name}, and no apt-get: ${how}`)
  report(`there is no ${name}: installing the package ${packageName}`)
  const roots = rootsFor(0, {})
  await whileAlone({ host, roots }, installingPackages, async () => {
    if ((await find()) === undefined) await installPackages({ host, environment: process.env }, [packageName], report)
  })
  await host.files.removeIfEmpty(roots.runtime)
  const installed = await find()
  if (installed === undefined) throw new Error(`The package ${packageName} is installed, and there is still no ${name}`)
  return installed
}
