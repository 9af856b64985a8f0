// The real kubectl for tests: finds every version on this machine, or installs Debian's package when there is none.
// Alone: `node tools/kubectl.ts [--all]` prints the newest (or all) as `VERSION PATH`.
// `KUBECTL` (programs, with `:` between them) says which to use instead of what is found.
import { execFile } from 'node:child_process'
import { readdirSync, realpathSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ensureInstalled } from './programs.ts'

/** One kubectl program. */
export interface Kubectl {
  readonly path: string
  readonly major: number
  readonly minor: number
  /** As the program says it: `v1.33.1`. */
  readonly version: string
}

/** The minor versions of kubectl 1 that must get along with k8ts. */
export const supportedMinors: readonly number[] = [27, 28, 29, 30, 31, 32, 33, 34]

/** Where a Google Cloud SDK keeps one kubectl for each minor version. */
const sdkFolder = '/usr/lib/google-cloud-sdk/bin'

/**
 * Every kubectl that runs, newest first, each file once; those of `KUBECTL` alone when that is set. A plain `kubectl` beside versioned ones is left out: it is the
 * SDK's dispatcher, which asks the network which of them to run.
 */
export async function findKubectls(
  path: string = process.env['PATH'] ?? '',
  sdk: string = sdkFolder,
  chosen: string = process.env['KUBECTL'] ?? '',
): Promise<readonly Kubectl[]> {
  if (chosen !== '') return newestFirst(await Promise.all(chosen.split(delimiter).map(askChosen)))
  const candidates = [
    ...versionedIn(sdk),
    ...path
      .split(delimiter)
      .filter((folder) => folder !== '')
      .map((folder) => join(folder, 'kubectl')),
  ]
  const files = new Set(candidates.map(realPath).filter((file) => file !== undefined))
  const found = await Promise.all([...files].filter((file) => !isDispatcher(file)).map(askVersion))
  return newestFirst(found.filter((kubectl) => kubectl !== undefined))
}

const newestFirst = (found: readonly Kubectl[]): readonly Kubectl[] =>
  found.toSorted((a, b) => b.major - a.major || b.minor - a.minor || a.path.localeCompare(b.path))

async function askChosen(path: string): Promise<Kubectl> {
  const kubectl = await askVersion(path)
  if (kubectl === undefined) throw new Error(`KUBECTL names "${path}", which is no kubectl that runs here`)
  return kubectl
}

/** One kubectl of each minor version, newest first. Installs one when there is none. */
export async function everyKubectl(report: (line: string) => void): Promise<readonly Kubectl[]> {
  await ensureKubectl(report)
  const found = await findKubectls()
  return found.filter(({ minor }, index) => found.findIndex((other) => other.minor === minor) === index)
}

/** Says which of these are played and which of the supported versions are not among them. */
export function describeKubectls(found: readonly Kubectl[]): string {
  const missing = supportedMinors.filter((wanted) => !found.some(({ minor }) => minor === wanted))
  const played = `kubectl ${found.map(({ version }) => version).join(', ')}`
  return missing.length === 0 ? played : `${played}; not found: ${missing.map((minor) => `1.${minor}`).join(', ')}`
}

/** The newest kubectl of this machine; installs one when there is none and says so line by line. */
export async function ensureKubectl(report: (line: string) => void): Promise<Kubectl> {
  return ensureInstalled('kubectl', 'kubernetes-client', report, async () => (await findKubectls())[0])
}

function versionedIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^kubectl\.\d+\.\d+$/.test(name))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

function realPath(file: string): string | undefined {
  try {
    return realpathSync(file)
  } catch {
    return undefined
  }
}

const isDispatcher = (file: string): boolean => basename(file) === 'kubectl' && versionedIn(dirname(file)).length > 0

async function askVersion(path: string): Promise<Kubectl | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ['version', '--client', '-o', 'json'], { timeout: 20_000 })
    const { clientVersion } = JSON.parse(stdout) as {
      clientVersion: { major: string; minor: string; gitVersion: string }
    }
    const { major, minor, gitVersion } = clientVersion
    return { path, major: parseInt(major, 10), minor: parseInt(minor, 10), version: gitVersion }
  } catch {
    // Not a kubectl that runs here: another architecture, a broken link, a wrapper without its program.
    return undefined
  }
}

if (import.meta.main) {
  const wanted = process.argv.includes('--all')
    ? await findKubectls()
    : [await ensureKubectl((line) => console.error(line))]
  for (const { version, path } of wanted) console.log(`${version} ${path}`)
}
