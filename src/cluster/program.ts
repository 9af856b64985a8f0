import { delimiter } from 'node:path'
import { rootsFor, temporaryFolder } from './record.ts'
import { UsageError, type Surroundings } from '#cluster/commands/command.ts'
import { systemClock } from '#lib/clock.ts'
import { isAbort } from '#lib/async/abort.ts'
import { mayMakeNamespaces } from '#lib/host/capabilities.ts'
import { makePrivateFolder } from '#lib/host/files.ts'
import { systemHost } from '#lib/host/host.ts'
import { systemRandom } from '#lib/random.ts'

/**
 * Does what a process was started for and returns the exit code: 0 done, 1 it could not be done, 2 it was not understood.
 * `self` is the command line that runs this program, for the processes that it starts.
 */
export async function runProgram(
  self: readonly string[],
  run: (surroundings: Surroundings) => Promise<number>,
): Promise<number> {
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort())
  // Whoever read our output may have gone (`k8ts list | head -1`); the work goes on.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  process.env['PATH'] = withSystemFolders(process.env['PATH'])
  const uid = process.getuid?.() ?? 0
  const host = systemHost(systemClock)
  const roots = rootsFor(uid, process.env)
  const surroundings: Surroundings = {
    host,
    clock: systemClock,
    random: systemRandom,
    environment: process.env,
    uid,
    mayMakeNodes: uid === 0 && mayMakeNamespaces((await host.files.readText('/proc/self/status')) ?? ''),
    program: self,
    roots,
    signal: interrupt.signal,
    print: (line) => void process.stdout.write(`${line}\n`),
    progress: (line) => void process.stderr.write(`${line}\n`),
  }
  try {
    const temporary = temporaryFolder(uid)
    if (Object.values(roots).some((folder) => folder.startsWith(`${temporary}/`)))
      await makePrivateFolder(host.files, temporary, uid)
    return await run(surroundings)
  } catch (error) {
    if (interrupt.signal.aborted && isAbort(error)) {
      surroundings.progress('k8ts: interrupted; "k8ts up" goes on from here, "k8ts down" takes away what there is')
      return 130
    }
    surroundings.progress(`k8ts: ${(error as Error).message}`)
    if (process.env['K8TS_TRACE'] !== undefined) surroundings.progress((error as Error).stack ?? '')
    return error instanceof UsageError ? 2 : 1
  }
}

/** After `su` the search path is still that of the user, who has no need for what administrators use. */
function withSystemFolders(path: string | undefined): string {
  const folders = (path ?? '').split(delimiter).filter((folder) => folder !== '')
  const system = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  return [...folders, ...system.filter((folder) => !folders.includes(folder))].join(delimiter)
}
