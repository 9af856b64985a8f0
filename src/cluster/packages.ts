/** How packages are installed: by us on Debian and what is made of it, elsewhere with a command for people. */
import type { Surroundings } from '#cluster/commands/command.ts'
import { programPath } from '#lib/host/programs.ts'

export const isDebian = (distributions: readonly string[]): boolean =>
  distributions.some((id) => id === 'debian' || id === 'ubuntu')

/** How other distributions install, and what they call packages that are not called as in Debian. */
const foreign: readonly {
  readonly ids: readonly string[]
  readonly command: string
  readonly names: Readonly<Record<string, string>>
}[] = [
  {
    ids: ['fedora', 'rhel', 'centos'],
    command: 'dnf install -y',
    names: {
      conntrack: 'conntrack-tools',
      iproute2: 'iproute',
      'iputils-arping': 'iputils',
      mount: 'util-linux',
      procps: 'procps-ng',
    },
  },
  {
    ids: ['arch'],
    command: 'pacman -S --needed',
    names: {
      conntrack: 'conntrack-tools',
      'containernetworking-plugins': 'cni-plugins',
      'iputils-arping': 'iputils',
      mount: 'util-linux',
      procps: 'procps-ng',
    },
  },
  {
    ids: ['alpine'],
    command: 'apk add',
    names: { conntrack: 'conntrack-tools', 'containernetworking-plugins': 'cni-plugins' },
  },
  {
    ids: ['suse', 'opensuse'],
    command: 'zypper install -y',
    names: {
      conntrack: 'conntrack-tools',
      'containernetworking-plugins': 'cni-plugins',
      'iputils-arping': 'iputils',
      mount: 'util-linux',
    },
  },
]

/** What a person types to install packages that are called so in Debian; undefined for a distribution that we do not know. */
export function installCommand(
  distributions: readonly string[],
  root: boolean,
  packages: readonly string[],
): string | undefined {
  const sudo = root ? '' : 'sudo '
  if (isDebian(distributions)) return `${sudo}apt-get install -y ${packages.join(' ')}`
  const known = foreign.find(({ ids }) => ids.some((id) => distributions.includes(id)))
  if (known === undefined) return undefined
  return `${sudo}${known.command} ${[...new Set(packages.map((name) => known.names[name] ?? name))].join(' ')}`
}

const policy = '/usr/sbin/policy-rc.d'

/** What apt-get says when nobody answers: lists and tries do not help then. */
const unreachable =
  /Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Cannot initiate|Connection (failed|timed out)|Network is unreachable/

/** What apt-get is told by the environment of whoever wants something installed. */
const kept = ['http_proxy', 'https_proxy', 'no_proxy', 'APT_CONFIG']

/** A silent mirror is given up after 20 s. */
const options = ['-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::Retries=0']

/**
 * Installs packages with apt-get, quietly and without starting the services that come with them. Reports progress as short
 * lines. Rejects with what apt-get said last.
 */
export async function installPackages(
  { host, environment }: Pick<Surroundings, 'host' | 'environment'>,
  packages: readonly string[],
  report: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (packages.length === 0) return
  // A service that starts by itself would be a second containerd with rules and folders of its own.
  const ownsPolicy = await host.files.createExclusive(
    policy,
    '#!/bin/sh\n# Services are not started while k8ts installs packages.\nexit 101\n',
    { mode: 0o755 },
  )
  const env: Record<string, string> = { PATH: programPath, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }
  for (const name of kept) if (environment[name] !== undefined) env[name] = environment[name]
  const run = async (...words: readonly string[]): Promise<string | undefined> => {
    const { code, stderr } = await host.processes.run(
      ['apt-get', ...words],
      {
        env,
        timeoutMs: 600_000,
        onOutput(text) {
          for (const [, name] of text.matchAll(/^Setting up (\S+)/gm)) report(`installed ${name}`)
        },
      },
      signal,
    )
    // With lists that could not be had apt-get update is content.
    if (code === 0 && !unreachable.test(stderr)) return undefined
    return stderr.trim().split('\n').slice(-3).join('; ') || `apt-get ended with code ${code}`
  }
  const install = ['install', '-y', '--no-install-recommends', ...options, ...packages]
  try {
    report(`installing ${packages.join(', ')}`)
    let problem = await run(...install)
    if (problem !== undefined && !unreachable.test(problem)) {
      // A fresh machine or image has no package lists yet, or old ones.
      report('updating package lists')
      const unread = await run('update', ...options)
      problem = await run(...install)
      if (problem !== undefined && unread !== undefined) problem = `the package lists cannot be read: ${unread}`
    }
    if (problem !== undefined) throw new Error(`Cannot install ${packages.join(', ')}: ${problem}`)
  } finally {
    if (ownsPolicy) await host.files.remove(policy)
  }
}
