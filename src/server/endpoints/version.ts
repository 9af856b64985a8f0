import { kubernetesVersion } from '#machinery/kubernetesVersion.ts'

/** What `/version` says. */
export interface ServerVersion {
  readonly major: string
  readonly minor: string
  readonly emulationMajor: string
  readonly emulationMinor: string
  readonly minCompatibilityMajor: string
  readonly minCompatibilityMinor: string
  readonly gitVersion: string
  readonly gitCommit: string
  readonly gitTreeState: string
  readonly buildDate: string
  readonly goVersion: string
  readonly compiler: string
  readonly platform: string
}

/** Which sources a server was built from, and when. */
export interface Build {
  /** 40 hexadecimal digits. */
  readonly commit: string
  /** `archive`: the sources came without their history, and `commit` is a hash of them. */
  readonly treeState: 'clean' | 'dirty' | 'archive'
  /** In RFC 3339, to the second. */
  readonly date: string
}

/** Of a server that runs from its sources as they are. */
const unbuilt: Build = { commit: '0'.repeat(40), treeState: 'dirty', date: '1970-01-01T00:00:00Z' }

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** The version of this server, on this machine. */
export function serverVersion(build: Build = unbuilt): ServerVersion {
  const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.')
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: kubernetesVersion,
    gitCommit: build.commit,
    gitTreeState: build.treeState,
    buildDate: build.date,
    goVersion: `node${process.versions.node}`,
    compiler: 'v8',
    platform: `${process.platform}/${architectures[process.arch] ?? process.arch}`,
  }
}
