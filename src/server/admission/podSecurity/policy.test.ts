import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodLike } from './check.ts'
import { policyOf, policyText, violationDetails, violationsOf, type LevelVersion } from './policy.ts'

const container = (name: string, more: object = {}): object => ({ name, image: 'i', ...more })
const secured = (name: string, more: object = {}): object =>
  container(name, {
    securityContext: {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
      ...more,
    },
  })
const pod = (spec: object, annotations?: Record<string, string>): PodLike =>
  ({ ...(annotations === undefined ? {} : { metadata: { annotations } }), spec }) as PodLike
const of = (...containers: object[]): PodLike => pod({ containers })

const baseline: LevelVersion = { level: 'baseline', version: 'latest' }
const restricted: LevelVersion = { level: 'restricted', version: 'latest' }
const at = (policy: LevelVersion, version: number): LevelVersion => ({ ...policy, version })

const rows: readonly {
  readonly name: string
  readonly policy: LevelVersion
  readonly pod: PodLike
  readonly says: string
}[] = [
  { name: 'a plain pod in a baseline namespace', policy: baseline, pod: of(container('c')), says: '' },
  {
    name: 'a plain pod in a restricted namespace',
    policy: restricted,
    pod: of(container('c')),
    says: 'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  },
  { name: 'a pod that does all that is asked', policy: restricted, pod: of(secured('c')), says: '' },
  {
    name: 'anything in a privileged namespace',
    policy: { level: 'privileged', version: 'latest' },
    pod: pod({ hostNetwork: true, containers: [container('c', { securityContext: { privileged: true } })] }),
    says: '',
  },
  {
    name: 'two containers, one of them an init container',
    policy: restricted,
    pod: pod({ initContainers: [container('a')], containers: [container('b'), secured('c')] }),
    says: 'allowPrivilegeEscalation != false (containers "a", "b" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (containers "a", "b" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or containers "a", "b" must set securityContext.runAsNonRoot=true), seccompProfile (pod or containers "a", "b" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  },
  {
    name: 'Windows pods, which cannot set what is asked',
    policy: restricted,
    pod: pod({ os: { name: 'windows' }, containers: [container('c', { securityContext: { runAsNonRoot: true } })] }),
    says: '',
  },
  {
    name: 'Windows pods before v1.25',
    policy: at(restricted, 24),
    pod: pod({ os: { name: 'windows' }, containers: [secured('c', { allowPrivilegeEscalation: true })] }),
    says: 'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
  },
  {
    name: 'AppArmor of the pod, of a container and by annotation',
    policy: baseline,
    pod: pod(
      {
        securityContext: { appArmorProfile: { type: 'Unconfined' } },
        containers: [container('c', { securityContext: { appArmorProfile: { type: 'Unconfined' } } })],
      },
      {
        'container.apparmor.security.beta.kubernetes.io/c': 'unconfined',
        'container.apparmor.security.beta.kubernetes.io/d': 'localhost/x',
      },
    ),
    says: 'forbidden AppArmor profiles (pod and container "c" and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
  },
  {
    name: 'capabilities at baseline',
    policy: baseline,
    pod: of(container('c', { securityContext: { capabilities: { add: ['NET_RAW', 'CHOWN', 'BPF'] } } })),
    says: 'non-default capabilities (container "c" must not include "BPF", "NET_RAW" in securityContext.capabilities.add)',
  },
  {
    name: 'capabilities, restricted: said once',
    policy: restricted,
    pod: of(secured('c', { capabilities: { add: ['NET_RAW', 'NET_BIND_SERVICE'] } })),
    says: 'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "NET_RAW" in securityContext.capabilities.add)',
  },
  {
    name: 'capabilities, restricted before v1.22',
    policy: at(restricted, 21),
    pod: of(secured('c', { capabilities: { add: ['NET_RAW'] } })),
    says: 'non-default capabilities (container "c" must not include "NET_RAW" in securityContext.capabilities.add)',
  },
  {
    name: "the node's namespaces",
    policy: baseline,
    pod: pod({ hostNetwork: true, hostPID: true, hostIPC: true, containers: [] }),
    says: 'host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)',
  },
  {
    name: "the node's files at baseline",
    policy: baseline,
    pod: pod({
      containers: [],
      volumes: [
        { name: 'a', hostPath: { path: '/' } },
        { name: 'b', hostPath: { path: '/b' } },
      ],
    }),
    says: 'hostPath volumes (volumes "a", "b")',
  },
  {
    name: 'volumes, restricted',
    policy: restricted,
    pod: pod({
      containers: [],
      volumes: [
        { name: 'a', hostPath: { path: '/' } },
        { name: 'b', nfs: { server: 's', path: '/' } },
        { name: 'c', emptyDir: {} },
        { name: 'd' },
      ],
    }),
    says: 'restricted volume types (volumes "a", "b", "d" use restricted volume types "hostPath", "nfs", "unknown")',
  },
  {
    name: 'host ports',
    policy: baseline,
    pod: of(
      container('a', { ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }] }),
      container('b', { ports: [{ containerPort: 90, hostPort: 443 }] }),
    ),
    says: 'hostPort (containers "a", "b" use hostPorts 443, 8080)',
  },
  {
    name: 'hosts of probes',
    policy: baseline,
    pod: of(
      container('c', {
        livenessProbe: { httpGet: { host: 'metadata.internal', port: 80 } },
        lifecycle: { preStop: { tcpSocket: { host: '10.0.0.1', port: 80 } } },
      }),
    ),
    says: 'probe or lifecycle host (container "c" uses probe or lifecycle hosts "10.0.0.1", "metadata.internal")',
  },
  {
    name: 'hosts of probes before v1.34',
    policy: at(baseline, 33),
    pod: of(container('c', { livenessProbe: { httpGet: { host: 'metadata.internal', port: 80 } } })),
    says: '',
  },
  {
    name: 'a version that is still to come',
    policy: at(baseline, 99),
    pod: of(container('c', { livenessProbe: { httpGet: { host: 'h', port: 80 } } })),
    says: 'probe or lifecycle host (container "c" uses probe or lifecycle host "h")',
  },
  {
    name: 'privileged containers',
    policy: baseline,
    pod: of(container('c', { securityContext: { privileged: true } })),
    says: 'privileged (container "c" must not set securityContext.privileged=true)',
  },
  {
    name: 'an ephemeral container',
    policy: baseline,
    pod: pod({ containers: [], ephemeralContainers: [container('debug', { securityContext: { privileged: true } })] }),
    says: 'privileged (container "debug" must not set securityContext.privileged=true)',
  },
  {
    name: 'an unmasked /proc',
    policy: baseline,
    pod: of(container('c', { securityContext: { procMount: 'Unmasked' } })),
    says: 'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
  },
  {
    name: 'SELinux options',
    policy: baseline,
    pod: pod({
      securityContext: { seLinuxOptions: { type: 'spc_t' } },
      containers: [container('c', { securityContext: { seLinuxOptions: { user: 'u', role: 'r' } } })],
    }),
    says: 'seLinuxOptions (pod and container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set)',
  },
  {
    name: 'an SELinux type that v1.31 added',
    policy: at(baseline, 30),
    pod: pod({ securityContext: { seLinuxOptions: { type: 'container_engine_t' } }, containers: [] }),
    says: 'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "container_engine_t")',
  },
  {
    name: 'no seccomp at baseline',
    policy: baseline,
    pod: pod({
      securityContext: { seccompProfile: { type: 'Unconfined' } },
      containers: [container('c', { securityContext: { seccompProfile: { type: 'Unconfined' } } })],
    }),
    says: 'seccompProfile (pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
  },
  {
    name: 'no seccomp by annotation, before v1.19',
    policy: at(baseline, 18),
    pod: pod(
      { containers: [container('c')] },
      {
        'seccomp.security.alpha.kubernetes.io/pod': 'unconfined',
        'container.seccomp.security.alpha.kubernetes.io/c': 'docker/default',
      },
    ),
    says: 'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
  },
  {
    name: 'unsafe sysctls',
    policy: baseline,
    pod: pod({
      securityContext: {
        sysctls: [
          { name: 'kernel.msgmax', value: '1' },
          { name: 'net.ipv4.tcp_rmem', value: '1' },
        ],
      },
      containers: [],
    }),
    says: 'forbidden sysctls (kernel.msgmax)',
  },
  {
    name: 'a sysctl that v1.32 allowed',
    policy: at(baseline, 31),
    pod: pod({ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }] }, containers: [] }),
    says: 'forbidden sysctls (net.ipv4.tcp_rmem)',
  },
  {
    name: 'processes of a Windows host',
    policy: baseline,
    pod: pod({
      securityContext: { windowsOptions: { hostProcess: true } },
      containers: [container('c', { securityContext: { windowsOptions: { hostProcess: true } } })],
    }),
    says: 'hostProcess (pod and container "c" must not set securityContext.windowsOptions.hostProcess=true)',
  },
  {
    name: 'root by name and by number',
    policy: restricted,
    pod: pod({
      securityContext: { runAsNonRoot: true, runAsUser: 0, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [secured('c', { runAsNonRoot: false, runAsUser: 0 })],
    }),
    says: 'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod and container "c" must not set runAsUser=0)',
  },
]

for (const { name, policy, pod: judged, says } of rows) {
  test(`${policyText(policy)} judges ${name}`, () => {
    assert.equal(violationDetails(violationsOf(policy, judged)), says)
  })
}

const open = { level: 'privileged', version: 'latest' } as const
const defaults = { enforce: open, audit: open, warn: open }
const prefixed = (labels: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]))

const labelRows: readonly {
  readonly name: string
  readonly labels: Record<string, string>
  readonly is: readonly [enforce: string, audit: string, warn: string]
  readonly problems?: readonly string[]
}[] = [
  { name: 'no labels', labels: {}, is: ['privileged:latest', 'privileged:latest', 'privileged:latest'] },
  {
    name: 'a level to enforce, which warns too',
    labels: { enforce: 'baseline', 'enforce-version': 'v1.30' },
    is: ['baseline:v1.30', 'privileged:latest', 'baseline:v1.30'],
  },
  {
    name: 'warnings switched off',
    labels: { enforce: 'baseline', warn: 'privileged' },
    is: ['baseline:latest', 'privileged:latest', 'privileged:latest'],
  },
  {
    name: 'levels that are none',
    labels: { enforce: 'strict', audit: 'strict', warn: 'strict', 'audit-version': '1.30' },
    is: ['restricted:latest', 'privileged:latest', 'privileged:latest'],
    problems: [
      'metadata.labels[pod-security.kubernetes.io/enforce] "strict" must be one of privileged, baseline, restricted',
      'metadata.labels[pod-security.kubernetes.io/audit] "strict" must be one of privileged, baseline, restricted',
      'metadata.labels[pod-security.kubernetes.io/audit-version] "1.30" must be "latest" or "v1.x"',
      'metadata.labels[pod-security.kubernetes.io/warn] "strict" must be one of privileged, baseline, restricted',
    ],
  },
]

for (const { name, labels, is, problems = [] } of labelRows) {
  test(`labels of a namespace: ${name}`, () => {
    const found = policyOf(prefixed(labels), defaults)
    const { enforce, audit, warn } = found.policy
    assert.deepEqual([enforce, audit, warn].map(policyText), is)
    assert.deepEqual(
      found.problems.map(({ field, value, detail }) => `${field} "${value}" ${detail}`),
      problems,
    )
  })
}
