import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import { containerConfig, sandboxConfig } from './containerConfig.ts'
import { computeContainerResources, computeOomScore } from './containerResources.ts'
import type { ContainerRequest, SandboxRequest } from './containerRuntime.ts'
import { computeEnvironment, expandVariables, type ReferencedObjects } from './environment.ts'
import { computeDns, computeHostname, computeHostsFile } from './podNames.ts'
import { checkNonRoot, computeSecurityContext } from './securityContext.ts'
import { computeServiceEnvironment } from './serviceEnvironment.ts'

const node = { memoryBytes: 8 * 2 ** 30, canLowerOomScore: true, seccompFolder: '/seccomp' }
const podOf = (spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { app: 'x' } },
  spec: { containers: [{ name: 'c', image: 'busybox' }], ...spec },
})
const facts = { podIPs: ['10.1.0.2'], hostIPs: ['10.0.0.1'], allocatable: { cpu: '2', memory: '8Gi' } }

test('sandbox and container are labelled so that they can be adopted', () => {
  const pod = podOf()
  const sandbox: SandboxRequest = {
    pod,
    attempt: 0,
    hostname: 'p',
    logFolder: '/logs',
    cgroupParent: '/kubepods/podu',
    dns: { servers: [], searches: [], options: [] },
  }
  const request: ContainerRequest = {
    pod,
    name: 'c',
    attempt: 2,
    sandboxId: 's',
    sandbox,
    imageRef: 'sha256:1',
    environment: [{ name: 'A', value: 'ä' }],
    mounts: [],
    command: [],
    arguments: [],
    logPath: 'c/2.log',
    terminationMessageFile: '/f',
  }
  assert.deepEqual(sandboxConfig(sandbox, node).labels, {
    app: 'x',
    'io.kubernetes.pod.name': 'p',
    'io.kubernetes.pod.namespace': 'ns',
    'io.kubernetes.pod.uid': 'u',
  })
  const config = containerConfig(request, node)
  assert.equal(config.labels['io.kubernetes.container.name'], 'c')
  assert.equal(config.annotations['io.kubernetes.container.restartCount'], '2')
  assert.deepEqual(config.envs, [{ key: 'A', value: Buffer.from('ä') }])
  assert.deepEqual(config.mounts, [
    { containerPath: '/dev/termination-log', hostPath: '/f', readonly: false, propagation: 'PROPAGATION_PRIVATE' },
  ])
})

test('a pod in the node network leaves its host name to the node', () => {
  const request = {
    attempt: 0,
    hostname: 'p',
    logFolder: '',
    cgroupParent: '',
    dns: { servers: [], searches: [], options: [] },
  }
  assert.equal(sandboxConfig({ ...request, pod: podOf({ hostNetwork: true }) }, node).hostname, '')
})

const resourceRows: readonly [string, Container['resources'], object][] = [
  ['nothing asked', {}, { cpuPeriod: 100_000, cpuShares: 2, oomScoreAdj: 1000 }],
  [
    'limits alone are requests too',
    { limits: { cpu: '500m', memory: '64Mi' } },
    { cpuPeriod: 100_000, cpuShares: 512, cpuQuota: 50_000, memoryLimitInBytes: 64 * 2 ** 20, oomScoreAdj: -997 },
  ],
  ['a request', { requests: { cpu: '1', memory: '4Gi' } }, { cpuPeriod: 100_000, cpuShares: 1024, oomScoreAdj: 500 }],
  [
    'the kernel’s least quota',
    { limits: { cpu: '1m' } },
    { cpuPeriod: 100_000, cpuShares: 2, cpuQuota: 1000, oomScoreAdj: 999 },
  ],
]
for (const [name, resources, expected] of resourceRows) {
  test(`container resources: ${name}`, () => {
    const container: Container = { name: 'c', ...(resources === undefined ? {} : { resources }) }
    assert.deepEqual(computeContainerResources(podOf({ containers: [container] }), container, node), expected)
  })
}

test('a score below our own is not asked for when it cannot be set', () => {
  const container: Container = { name: 'c', resources: { limits: { cpu: '1', memory: '1Gi' } } }
  const pod = podOf({ containers: [container] })
  assert.equal(qosClassOf(pod), 'Guaranteed')
  assert.equal(computeOomScore(pod, container, node.memoryBytes), -997)
  assert.equal(computeContainerResources(pod, container, { ...node, canLowerOomScore: false }).oomScoreAdj, 0)
})

const objects: ReferencedObjects = {
  configMap: (name) =>
    name === 'cm'
      ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { A: '1', 'b.c': '2' } }
      : undefined,
  secret: (name) =>
    name === 's' ? { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: { K: 'dXNlcgo=' } } : undefined,
}
const environmentOf = (container: Omit<Container, 'name'>, services = new Map<string, string>()) =>
  Object.fromEntries(computeEnvironment(podOf(), { name: 'c', ...container }, objects, services, facts))

test('environment: sources in order, the later wins, variables expand', () => {
  assert.deepEqual(
    environmentOf(
      {
        envFrom: [{ configMapRef: { name: 'cm' } }, { prefix: 'S_', secretRef: { name: 's' } }],
        env: [
          { name: 'A', value: 'own $(WEB_SERVICE_HOST)' },
          { name: 'B', value: '$(A)-$(NOPE)-$$(A)' },
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
          { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
          { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'K' } } },
          { name: 'GONE', valueFrom: { configMapKeyRef: { name: 'cm', key: 'x', optional: true } } },
        ],
      },
      new Map([['WEB_SERVICE_HOST', '10.96.0.9']]),
    ),
    {
      A: 'own 10.96.0.9',
      'b.c': '2',
      S_K: 'user\n',
      B: 'own 10.96.0.9-$(NOPE)-$(A)',
      IP: '10.1.0.2',
      CPU: '2',
      MEM: '8192',
      KEY: 'user\n',
      WEB_SERVICE_HOST: '10.96.0.9',
    },
  )
})

const problems: readonly [Omit<Container, 'name'>, string][] = [
  [{ envFrom: [{ configMapRef: { name: 'none' } }] }, 'configmap "none" not found'],
  [{ envFrom: [{ secretRef: { name: 'none' } }] }, 'secret "none" not found'],
  [
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'k' } } }] },
    "couldn't find key k in ConfigMap ns/cm",
  ],
  [
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
    "couldn't find key k in Secret ns/s",
  ],
]
for (const [container, message] of problems) {
  test(`environment: ${message}`, () => assert.throws(() => environmentOf(container), { name: 'ConfigError', message }))
}

test('expandVariables leaves a lone dollar', () => {
  assert.equal(
    expandVariables('a$b $(X) $$(X) $', () => 'x'),
    'a$b x $(X) $',
  )
})

test('service variables', () => {
  const service = (name: string, namespace: string, ports: Service['spec']['ports']): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP: '10.96.0.5', ...(ports === undefined ? {} : { ports }) },
  })
  const services = [
    service('kubernetes', 'default', [{ name: 'https', port: 443 }]),
    service('my-service', 'ns', [{ port: 80, protocol: 'TCP' }]),
    service('other', 'elsewhere', [{ port: 1 }]),
  ]
  const all = Object.fromEntries(computeServiceEnvironment(podOf(), services))
  assert.deepEqual(all['MY_SERVICE_PORT_80_TCP_ADDR'], '10.96.0.5')
  assert.deepEqual(all['MY_SERVICE_PORT'], 'tcp://10.96.0.5:80')
  assert.deepEqual(all['KUBERNETES_SERVICE_PORT_HTTPS'], '443')
  assert.equal(
    Object.keys(all).some((name) => name.startsWith('OTHER')),
    false,
  )
  const without = computeServiceEnvironment(podOf({ enableServiceLinks: false }), services)
  assert.deepEqual(
    [...without.keys()].every((name) => name.startsWith('KUBERNETES_')),
    true,
  )
})

test('root is refused where it must not run', () => {
  const image = { id: 'x', ref: 'x', names: [], sizeBytes: 0 }
  const check = (securityContext: NonNullable<Container['securityContext']>, user: object = {}) =>
    checkNonRoot(
      podOf({ securityContext: { runAsNonRoot: true } }),
      { name: 'c', securityContext },
      { ...image, ...user },
    )
  assert.throws(() => check({}), {
    message: 'container has runAsNonRoot and image will run as root (pod: "p_ns(u)", container: c)',
  })
  assert.throws(() => check({ runAsUser: 0 }), {
    message: `container's runAsUser breaks non-root policy (pod: "p_ns(u)", container: c)`,
  })
  assert.throws(() => check({}, { username: 'web' }), /non-numeric user \(web\)/)
  check({ runAsUser: 5 })
  check({}, { uid: 7 })
  check({ runAsNonRoot: false })
})

test('security context', () => {
  const context = computeSecurityContext(
    podOf({ securityContext: { runAsUser: 1, fsGroup: 9, seccompProfile: { type: 'RuntimeDefault' } } }),
    { name: 'c', securityContext: { capabilities: { add: ['CAP_NET_ADMIN'] }, allowPrivilegeEscalation: false } },
    { seccompFolder: '/seccomp' },
  )
  assert.deepEqual(context.capabilities, { addCapabilities: ['NET_ADMIN'], dropCapabilities: [] })
  assert.deepEqual([context.runAsUser, context.supplementalGroups, context.noNewPrivs], [{ value: 1 }, [9], true])
  assert.deepEqual(context.seccomp, { profileType: 'RuntimeDefault' })
  assert.ok(!('apparmor' in context) && !('selinuxOptions' in context))
})

test('labels of SELinux and profiles of AppArmor: those of the container before those of the pod', () => {
  const localhost = { type: 'Localhost', localhostProfile: 'k8s-apparmor-example-deny-write' } as const
  const pod = podOf({
    securityContext: { seLinuxOptions: { level: 's0:c1,c2' }, appArmorProfile: { type: 'RuntimeDefault' } },
  })
  const of = (securityContext: Container['securityContext']): unknown => {
    const context = computeSecurityContext(
      pod,
      { name: 'c', securityContext: securityContext! },
      { seccompFolder: '/' },
    )
    return [context.apparmor, context.selinuxOptions]
  }
  assert.deepEqual(of({}), [{ profileType: 'RuntimeDefault' }, { level: 's0:c1,c2' }])
  assert.deepEqual(of({ appArmorProfile: localhost, seLinuxOptions: { type: 't' } }), [
    { profileType: 'Localhost', localhostRef: 'k8s-apparmor-example-deny-write' },
    { type: 't' },
  ])
})

test('a pod that asks for users of its own gets no sandbox with those of the node', () => {
  const dns = { servers: [], searches: [], options: [] }
  const sandbox = { attempt: 0, hostname: 'p', logFolder: '/logs', cgroupParent: '/kubepods/podu', dns }
  assert.throws(() => sandboxConfig({ ...sandbox, pod: podOf({ hostUsers: false }) }, node), {
    message: "can't set `spec.hostUsers: false`, this node's agent does not support user namespaces",
  })
  assert.equal(sandboxConfig({ ...sandbox, pod: podOf({ hostUsers: true }) }, node).metadata.name, 'p')
})

test('names and hosts file', () => {
  assert.deepEqual(computeHostname(podOf(), 'cluster.local'), { hostname: 'p', label: 'p' })
  const named = podOf({ hostname: 'h', subdomain: 'sub', hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] })
  const name = computeHostname(named, 'cluster.local')
  assert.deepEqual(name, { hostname: 'h', label: 'h', domain: 'sub.ns.svc.cluster.local' })
  assert.equal(
    computeHostsFile(named, ['10.1.0.2'], name, ''),
    [
      '# Kubernetes-managed hosts file.',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::0\tip6-localnet',
      'fe00::0\tip6-mcastprefix',
      'fe00::1\tip6-allnodes',
      'fe00::2\tip6-allrouters',
      '10.1.0.2\th.sub.ns.svc.cluster.local\th',
      '',
      '# Entries added by HostAliases.',
      '1.2.3.4\ta\tb',
      '',
    ].join('\n'),
  )
  assert.throws(
    () => computeHostname(podOf({ subdomain: 's'.repeat(60), setHostnameAsFQDN: true }), 'cluster.local'),
    /is too long \(64 characters is the max/,
  )
})

test('dns settings by policy', () => {
  const dns = {
    clusterServers: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    nodeResolvConf: 'nameserver 9.9.9.9\nsearch lab\noptions rotate\n',
  }
  const cluster = {
    servers: ['10.96.0.10'],
    searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lab'],
    options: ['ndots:5'],
  }
  const host = { servers: ['9.9.9.9'], searches: ['lab'], options: ['rotate'] }
  assert.deepEqual(computeDns(podOf(), dns), cluster)
  assert.deepEqual(computeDns(podOf({ hostNetwork: true }), dns), host)
  assert.deepEqual(computeDns(podOf({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), dns), cluster)
  assert.deepEqual(computeDns(podOf({ dnsPolicy: 'Default' }), dns), host)
  assert.deepEqual(
    computeDns(
      podOf({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'ndots', value: '2' }] } }),
      dns,
    ),
    { servers: ['1.1.1.1'], searches: [], options: ['ndots:2'] },
  )
})
