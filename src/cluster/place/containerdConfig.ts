/** The text of a node's containerd configuration. */
import type { PlaceLayout } from './layout.ts'

export interface ContainerdVersion {
  readonly major: number
  readonly minor: number
  readonly text: string
}

/** What is installed on the machine for running containers. */
export interface RuntimeFacts {
  readonly containerd: ContainerdVersion
  /** Programs that start containers, the preferred first. */
  readonly runtimes: readonly { readonly name: 'crun' | 'runc'; readonly path: string }[]
  readonly cniPlugins: string
  /** Whether root may make processes less likely to be killed for memory (CAP_SYS_RESOURCE). */
  readonly mayLowerOomScore: boolean
}

/** Reads what `containerd --version` prints; undefined when there is no version in it. */
export function parseContainerdVersion(text: string): ContainerdVersion | undefined {
  const [found, major, minor] = /\bv?(\d+)\.(\d+)\.\d+[^\s]*/.exec(text) ?? []
  return found === undefined ? undefined : { major: Number(major), minor: Number(minor), text: found.replace(/^v/, '') }
}

/** The name under which every place has the image of the sandbox container; it is imported, never pulled. */
export const pauseImage = 'registry.k8s.io/pause:3.10.1'

const unusedPlugins = [
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.erofs',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.internal.v1.tracing',
]

const quote = (text: string): string => JSON.stringify(text)

/** The configuration for the installed containerd: form 2 up to 1.7, form 3 from 2.0 on. Rejects versions before 1.6. */
export function renderContainerdConfig(layout: PlaceLayout, facts: RuntimeFacts): string {
  const { major, minor, text } = facts.containerd
  if (major < 1 || (major === 1 && minor < 6)) throw new Error(`Cannot use containerd ${text}: 1.6 or newer is needed`)
  if (facts.runtimes.length === 0) throw new Error('Cannot configure containerd: neither crun nor runc is installed')
  return `${[...renderCommon(layout, major >= 2 ? 3 : 2), ...(major >= 2 ? renderFormThree(layout, facts) : renderFormTwo(layout, facts))].join('\n')}\n`
}

function renderCommon(layout: PlaceLayout, form: 2 | 3): string[] {
  return [
    `version = ${form}`,
    `root = ${quote(layout.rootFolder)}`,
    `state = ${quote(layout.stateFolder)}`,
    // The default of -999 needs a capability that root lacks in many containers and virtual machines.
    'oom_score = 0',
    `disabled_plugins = [${unusedPlugins.map(quote).join(', ')}]`,
    '[debug]',
    '  level = "warn"',
    '[grpc]',
    `  address = ${quote(layout.socket)}`,
    // Else a folder /opt/containerd appears on the host.
    '[plugins."io.containerd.internal.v1.opt"]',
    `  path = ${quote(`${layout.rootFolder}/opt`)}`,
  ]
}

const sandboxLines = (facts: RuntimeFacts): string[] => [
  '  disable_apparmor = true',
  // Without it every sandbox fails when root may not lower the score.
  `  restrict_oom_score_adj = ${!facts.mayLowerOomScore}`,
  '  enable_unprivileged_ports = true',
  '  enable_unprivileged_icmp = true',
  '  netns_mounts_under_state_dir = true',
  '  max_container_log_line_size = 16384',
  '  tolerate_missing_hugetlb_controller = true',
]

const cniLines = (plugin: string, layout: PlaceLayout, facts: RuntimeFacts): string[] => [
  `  [plugins."${plugin}".cni]`,
  `    bin_dir = ${quote(facts.cniPlugins)}`,
  `    conf_dir = ${quote(layout.cniFolder)}`,
  '    max_conf_num = 1',
]

function runtimeLines(plugin: string, facts: RuntimeFacts): string[] {
  const lines = [`    default_runtime_name = ${quote(facts.runtimes[0]!.name)}`]
  for (const { name, path } of facts.runtimes) {
    const table = `plugins."${plugin}".containerd.runtimes.${name}`
    lines.push(`    [${table}]`, '      runtime_type = "io.containerd.runc.v2"', `      [${table}.options]`)
    lines.push(
      `        BinaryName = ${quote(path)}`,
      '        Root = "/run/containerd/runc"',
      '        SystemdCgroup = false',
    )
  }
  return lines
}

// The streaming server listens in the node's network namespace; only the agent, which is there too, talks to it.
const streamLines = ['  stream_server_address = "127.0.0.1"', '  stream_server_port = "0"']

function renderFormTwo(layout: PlaceLayout, facts: RuntimeFacts): string[] {
  const cri = 'io.containerd.grpc.v1.cri'
  return [
    `[plugins."${cri}"]`,
    `  sandbox_image = ${quote(pauseImage)}`,
    ...streamLines,
    ...sandboxLines(facts),
    ...cniLines(cri, layout, facts),
    `  [plugins."${cri}".containerd]`,
    '    snapshotter = "overlayfs"',
    ...runtimeLines(cri, facts),
    `  [plugins."${cri}".registry]`,
    `    config_path = ${quote(layout.registriesFolder)}`,
  ]
}

function renderFormThree(layout: PlaceLayout, facts: RuntimeFacts): string[] {
  const [images, runtime] = ['io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime']
  return [
    '[plugins."io.containerd.grpc.v1.cri"]',
    ...streamLines,
    `[plugins."${images}"]`,
    '  snapshotter = "overlayfs"',
    `  [plugins."${images}".pinned_images]`,
    `    sandbox = ${quote(pauseImage)}`,
    `  [plugins."${images}".registry]`,
    `    config_path = ${quote(layout.registriesFolder)}`,
    `[plugins."${runtime}"]`,
    ...sandboxLines(facts),
    ...cniLines(runtime, layout, facts),
    `  [plugins."${runtime}".containerd]`,
    ...runtimeLines(runtime, facts),
  ]
}
