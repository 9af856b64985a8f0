// What no pod of a `baseline` namespace may do: known ways out of a container.
import type { LifecycleHandler } from '#api/core/v1/probe.ts'
import {
  containerList,
  containersOf,
  containersThat,
  plural,
  quoted,
  quotedSorted,
  setters,
  type Check,
} from './check.ts'
import { seccompBaseline } from './seccompChecks.ts'

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'

const appArmor: Check = {
  id: 'appArmorProfile',
  level: 'baseline',
  revisions: [
    {
      since: 0,
      judge(pod) {
        const values = new Set<string>()
        const isBad = (type: string | undefined): boolean => {
          const bad = type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost'
          if (bad) values.add(type)
          return bad
        }
        const podSets = isBad(pod.spec.securityContext?.appArmorProfile?.type)
        const containers = containersThat(pod, ({ securityContext }) => isBad(securityContext?.appArmorProfile?.type))
        const annotations = Object.entries(pod.metadata?.annotations ?? {})
          .filter(([key, value]) => key.startsWith(appArmorPrefix) && !/^(runtime\/default$|localhost\/|$)/.test(value))
          .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
          .sort()
        const who = [
          ...setters(podSets, containers),
          ...(annotations.length > 0 ? [plural(annotations.length, 'annotation')] : []),
        ]
        if (who.length === 0) return undefined
        const all = [...[...values].sort(), ...annotations]
        return {
          reason: plural(all.length, 'forbidden AppArmor profile'),
          detail: `${who.join(' and ')} must not set AppArmor profile type to ${quoted(all)}`,
        }
      },
    },
  ],
}

const defaultCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

const capabilities: Check = {
  id: 'capabilities_baseline',
  level: 'baseline',
  revisions: [
    {
      since: 0,
      judge(pod) {
        const added = new Set<string>()
        const containers = containersThat(pod, ({ securityContext }) => {
          const bad = (securityContext?.capabilities?.add ?? []).filter((each) => !defaultCapabilities.has(each))
          for (const each of bad) added.add(each)
          return bad.length > 0
        })
        if (containers.length === 0) return undefined
        return {
          reason: 'non-default capabilities',
          detail: `${containerList(containers)} must not include ${quotedSorted(added)} in securityContext.capabilities.add`,
        }
      },
    },
  ],
}

const hostNamespaces: Check = {
  id: 'hostNamespaces',
  level: 'baseline',
  revisions: [
    {
      since: 0,
      judge({ spec }) {
        const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field] === true)
        if (shared.length === 0) return undefined
        return { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') }
      },
    },
  ],
}

const hostPathVolumes: Check = {
  id: 'hostPathVolumes',
  level: 'baseline',
  revisions: [
    {
      since: 0,
      judge({ spec }) {
        const volumes = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name)
        if (volumes.length === 0) return undefined
        return { reason: 'hostPath volumes', detail: `${plural(volumes.length, 'volume')} ${quoted(volumes)}` }
      },
    },
  ],
}

const hostPorts: Check = {
  id: 'hostPorts',
  level: 'baseline',
  revisions: [
    {
      since: 0,
      judge(pod) {
        const ports = new Set<string>()
        const containers = containersThat(pod, (container) => {
          const used = (container.ports ?? []).flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [String(hostPort)]))
          for (const each of used) ports.add(each)
          return used.length > 0
        })
        if (containers.length === 0) return undefined
        const uses = plural(containers.length, 'uses', 'use')
        return {
          reason: 'hostPort',
          detail: `${containerList(containers)} ${uses} ${plural(ports.size, 'hostPort')} ${[...ports].sort().join(', ')}`,
        }
      },
    },
  ],
}

const probeHosts: Check = {
  id: 'hostProbesAndHostLifecycle',
  level: 'baseline',
  revisions: [
    {
      since: 34,
      judge(pod) {
        const hosts = new Set<string>()
        const containers = new Set<string>()
        for (const { name, livenessProbe, readinessProbe, startupProbe, lifecycle } of containersOf(pod)) {
          const handlers: readonly (Pick<LifecycleHandler, 'httpGet' | 'tcpSocket'> | undefined)[] = [
            livenessProbe,
            readinessProbe,
            startupProbe,
            lifecycle?.postStart,
            lifecycle?.preStop,
          ]
          for (const handler of handlers) {
            for (const host of [handler?.httpGet?.host, handler?.tcpSocket?.host]) {
              if (host === undefined || host === '') continue
              hosts.add(host)
              containers.add(name)
            }
          }
        }
        if (containers.size === 0) return undefined
        const names = [...containers].sort()
        const uses = plural(names.length, 'uses', 'use')
        return {
          reason: 'probe or lifecycle host',
          detail: `${containerList(names)} ${uses} ${plural(hosts.size, 'probe or lifecycle host')} ${quotedSorted(hosts)}`,
        }
      },
    },
  ],
}

const privileged: Check = {
  id: 'privileged',
  level: 'baseline',
  revisions: [
    {
      since: 0,
      judge(pod) {
        const containers = containersThat(pod, ({ securityContext }) => securityContext?.privileged === true)
        if (containers.length === 0) return undefined
        return {
          reason: 'privileged',
          detail: `${containerList(containers)} must not set securityContext.privileged=true`,
        }
      },
    },
  ],
}

const procMount: Check = {
  id: 'procMount',
  level: 'baseline',
  revisions: [
    {
      since: 0,
      judge(pod) {
        const types = new Set<string>()
        const containers = containersThat(pod, ({ securityContext }) => {
          const type = securityContext?.procMount
          if (type === undefined || type === 'Default') return false
          types.add(type)
          return true
        })
        if (containers.length === 0) return undefined
        return {
          reason: 'procMount',
          detail: `${containerList(containers)} must not set securityContext.procMount to ${quotedSorted(types)}`,
        }
      },
    },
  ],
}

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t']

const seLinuxOptions: Check = {
  id: 'seLinuxOptions',
  level: 'baseline',
  revisions: [
    { since: 0, judge: (pod) => judgeSeLinux(pod, new Set(seLinuxTypes)) },
    { since: 31, judge: (pod) => judgeSeLinux(pod, new Set([...seLinuxTypes, 'container_engine_t'])) },
  ],
}

function judgeSeLinux(
  pod: Parameters<Check['revisions'][number]['judge']>[0],
  allowed: ReadonlySet<string>,
): ReturnType<Check['revisions'][number]['judge']> {
  const types = new Set<string>()
  let [setsUser, setsRole] = [false, false]
  const isBad = (options: { type?: string; user?: string; role?: string } = {}): boolean => {
    const { type = '', user = '', role = '' } = options
    if (!allowed.has(type)) types.add(type)
    if (user !== '') setsUser = true
    if (role !== '') setsRole = true
    return !allowed.has(type) || user !== '' || role !== ''
  }
  const podSets = isBad(pod.spec.securityContext?.seLinuxOptions)
  const containers = containersThat(pod, ({ securityContext }) => isBad(securityContext?.seLinuxOptions))
  const who = setters(podSets, containers)
  if (who.length === 0) return undefined
  const what = [
    ...(types.size > 0 ? [`${plural(types.size, 'type')} ${quotedSorted(types)}`] : []),
    ...(setsUser ? ['user may not be set'] : []),
    ...(setsRole ? ['role may not be set'] : []),
  ]
  return {
    reason: 'seLinuxOptions',
    detail: `${who.join(' and ')} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}`,
  }
}

/** Kernel settings that stay within the pod, with the policy version that first allowed them. */
const safeSysctls: Readonly<Record<number, readonly string[]>> = {
  0: [
    'kernel.shm_rmid_forced',
    'net.ipv4.ip_local_port_range',
    'net.ipv4.tcp_syncookies',
    'net.ipv4.ping_group_range',
    'net.ipv4.ip_unprivileged_port_start',
  ],
  27: ['net.ipv4.ip_local_reserved_ports'],
  29: [
    'net.ipv4.tcp_keepalive_time',
    'net.ipv4.tcp_fin_timeout',
    'net.ipv4.tcp_keepalive_intvl',
    'net.ipv4.tcp_keepalive_probes',
  ],
  32: ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'],
}

const sysctls: Check = {
  id: 'sysctls',
  level: 'baseline',
  revisions: Object.keys(safeSysctls).map((text) => {
    const since = Number(text)
    const safe = new Set(
      Object.entries(safeSysctls).flatMap(([version, names]) => (Number(version) <= since ? names : [])),
    )
    return {
      since,
      judge({ spec }) {
        const unsafe = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !safe.has(name))
        return unsafe.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: unsafe.join(', ') }
      },
    }
  }),
}

const windowsHostProcess: Check = {
  id: 'windowsHostProcess',
  level: 'baseline',
  revisions: [
    {
      since: 0,
      judge(pod) {
        const who = setters(
          pod.spec.securityContext?.windowsOptions?.hostProcess === true,
          containersThat(pod, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true),
        )
        if (who.length === 0) return undefined
        return {
          reason: 'hostProcess',
          detail: `${who.join(' and ')} must not set securityContext.windowsOptions.hostProcess=true`,
        }
      },
    },
  ],
}

/** In the order of their ids, which is the order of messages. */
export const baselineChecks: readonly Check[] = [
  appArmor,
  capabilities,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  probeHosts,
  privileged,
  procMount,
  seLinuxOptions,
  seccompBaseline,
  sysctls,
  windowsHostProcess,
]
