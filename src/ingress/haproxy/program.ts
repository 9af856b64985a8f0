/** The program of HAProxy: where it is, and whether it is one that we can drive. */
import type { Host } from '#lib/host/host.ts'
import { CommandError } from '#lib/host/process.ts'
import { findProgram } from '#lib/host/programs.ts'

/** What the suite of data planes runs with. In 2.4 adding servers to a running process is an experiment. */
const oldest = { major: 2, minor: 6 }

/** What a program says of its version; undefined where it does not run, or there is none. */
export async function haproxyVersion(
  { processes }: Pick<Host, 'processes'>,
  program: string | undefined,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (program === undefined) return undefined
  try {
    return (await processes.run([program, '-v'], { timeoutMs: 10_000 }, signal)).stdout.split('\n')[0]!.trim()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return undefined
  }
}

/** Why a HAProxy that says this of its version cannot be used; undefined when it can. */
export function haproxyProblem(said: string | undefined): string | undefined {
  const [, version, major, minor] = /^HA-?Proxy version ((\d+)\.(\d+)\S*)/.exec(said ?? '') ?? []
  if (version === undefined) return `haproxy says ${JSON.stringify(said ?? '')} of its version`
  const isOld = Number(major) < oldest.major || (Number(major) === oldest.major && Number(minor) < oldest.minor)
  return isOld ? `haproxy is ${version}, ${oldest.major}.${oldest.minor} or newer is needed` : undefined
}

/** The path of a HAProxy that can be used; undefined when there is none. */
export async function findHaproxy(
  host: Pick<Host, 'files' | 'processes'>,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const program = await findProgram(host, 'haproxy')
  return haproxyProblem(await haproxyVersion(host, program, signal)) === undefined ? program : undefined
}
