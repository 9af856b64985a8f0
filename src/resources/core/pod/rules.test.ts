import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Container } from '#api/core/v1/container.ts'
import type { PodAffinityTerm } from '#api/core/v1/affinity.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import { dnsSubdomainProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { dropDisabledFields } from './disabledFields.ts'
import { podStrategy } from './strategy.ts'

const first: Container = { name: 'a', image: 'x' }
const pod = (own: Partial<PodSpec>, annotations?: Record<string, string>): Pod => {
  const one: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...(annotations && { annotations }) },
    spec: {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      terminationGracePeriodSeconds: 30,
      containers: [first],
      ...own,
    },
  }
  for (const kind of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    for (const container of one.spec[kind] ?? []) {
      container.terminationMessagePolicy ??= 'File'
      container.imagePullPolicy ??= 'Always'
    }
  }
  return one
}
const created = (own: Partial<PodSpec>, annotations?: Record<string, string>): string[] =>
  refusals((report) => podStrategy.validate!(pod(own, annotations), undefined, report))
const withFirst = (own: Partial<Container>, spec: Partial<PodSpec> = {}): Partial<PodSpec> => ({
  containers: [{ ...first, ...own }],
  ...spec,
})

describe('a pod', () => {
  const at = 'spec.containers[0]'
  const units = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei'
  const claim = { name: 'v', persistentVolumeClaim: { claimName: 'c' } }
  const folder = { name: 'e', emptyDir: {} }
  const rows: readonly [string, Partial<PodSpec>, readonly string[]][] = [
    ['that is right', {}, []],
    [
      'whose container restarts otherwise',
      withFirst({ restartPolicy: 'Never' }),
      [`${at}.restartPolicy: Forbidden: may not be set for non-init containers`],
    ],
    [
      'whose init container is no sidecar, but has a probe',
      {
        initContainers: [
          { name: 'a', image: 'x', restartPolicy: 'Never', livenessProbe: { exec: { command: ['x'] } } },
        ],
      },
      [
        'spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"',
        'spec.initContainers[0].name: Duplicate value: "a"',
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      'with an image between spaces',
      withFirst({ image: ' x' }),
      [`${at}.image: Invalid value: " x": must not have leading or trailing whitespace`],
    ],
    [
      'with a device of a claim',
      withFirst({ volumeDevices: [{ name: 'v', devicePath: '/dev/v' }] }, { volumes: [claim] }),
      [],
    ],
    [
      'with devices of what is none',
      withFirst(
        {
          volumeMounts: [{ name: 'e', mountPath: '/e' }],
          volumeDevices: [
            { name: 'e', devicePath: '/e' },
            { name: 'x', devicePath: '/a/../b' },
          ],
        },
        { volumes: [folder] },
      ),
      [
        `${at}.volumeMounts[0].name: Invalid value: "e": must not already exist in volumeDevices`,
        `${at}.volumeMounts[0].mountPath: Invalid value: "/e": must not already exist as a path in volumeDevices`,
        `${at}.volumeDevices[0].name: Invalid value: "e": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode`,
        `${at}.volumeDevices[0].name: Invalid value: "e": must not already exist in volumeMounts`,
        `${at}.volumeDevices[0].devicePath: Invalid value: "/e": must not already exist as a path in volumeMounts`,
        `${at}.volumeDevices[1].name: Not found: "x"`,
        `${at}.volumeDevices[1].devicePath: Invalid value: "/a/../b": can not contain backsteps ('..')`,
      ],
    ],
    [
      'with mounts that go up, and one that is writable but not below',
      withFirst(
        { volumeMounts: [{ name: 'e', mountPath: '/e', subPath: '../x', recursiveReadOnly: 'Enabled' }] },
        { volumes: [folder] },
      ),
      [
        `${at}.volumeMounts.subPath: Invalid value: "../x": must not contain '..'`,
        `${at}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true`,
      ],
    ],
    [
      'with a volume that is wrong, and so is none',
      withFirst({ volumeMounts: [{ name: 'e', mountPath: '/e' }] }, { volumes: [{ name: 'e' }] }),
      ['spec.volumes[0]: Required value: must specify a volume type', `${at}.volumeMounts[0].name: Not found: "e"`],
    ],
    [
      'with claims of devices that are none',
      withFirst(
        { resources: { claims: [{ name: 'gpu', request: 'r' }, { name: 'gpu' }, { name: 'x' }] } },
        { resourceClaims: [{ name: 'gpu' }] },
      ),
      [
        'spec.resourceClaims[0]: Invalid value: {"Name":"gpu","ResourceClaimName":null,"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
        `${at}.resources.claims[1]: Duplicate value: "gpu"`,
        `${at}.resources.claims[2]: Not found: "x": must be one of the names in pod.spec.resourceClaims: gpu`,
      ],
    ],
    [
      'that never restarts but would to resize',
      withFirst(
        {
          resizePolicy: [
            { resourceName: 'cpu', restartPolicy: 'RestartContainer' },
            { resourceName: 'disk', restartPolicy: 'NotRequired' },
          ],
        },
        { restartPolicy: 'Never' },
      ),
      [
        `${at}.resizePolicy: Invalid value: "RestartContainer": must be 'NotRequired' when \`restartPolicy\` is 'Never'`,
        `${at}.resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"`,
      ],
    ],
    [
      'that as a whole asks for less than its containers',
      withFirst(
        { resources: { requests: { cpu: '2' }, limits: { memory: '2Gi' } } },
        { resources: { requests: { cpu: '1', memory: '1Gi', 'example.com/x': '1' }, limits: { memory: '1Gi' } } },
      ),
      [
        'spec.resources.requests[example.com/x]: Unsupported value: "example.com/x": supported values: "cpu", "hugepages-", "memory"',
        'spec.resources.limits: Required value: Limit must be set for non overcommitable resources',
        'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
        'spec.resources.containers[0][memory].limits: Invalid value: "2Gi": must be less than or equal to pod limits of 1Gi',
      ],
    ],
    [
      'in the network of its node, at another port',
      withFirst({ ports: [{ containerPort: 80, protocol: 'TCP' }] }, { hostNetwork: true }),
      [`${at}.ports[0].hostPort: Invalid value: 0: must match \`containerPort\` when \`hostNetwork\` is true`],
    ],
    [
      'with users of its own among the processes of its node',
      { hostUsers: false, hostPID: true, hostIPC: true },
      ['spec.HostPID: Forbidden: when `hostUsers` is false', 'spec.HostIPC: Forbidden: when `hostUsers` is false'],
    ],
    [
      'for Linux with options of Windows',
      { os: { name: 'linux' }, securityContext: { windowsOptions: {} } },
      ['spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod'],
    ],
    [
      'for Windows with options of Linux',
      withFirst(
        { securityContext: { privileged: true } },
        { os: { name: 'windows' }, hostPID: true, securityContext: { fsGroup: 1 } },
      ),
      [
        'spec.hostPID: Forbidden: cannot be set for a windows pod',
        'spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod',
        `${at}.securityContext.privileged: Forbidden: cannot be set for a windows pod`,
      ],
    ],
    [
      'that preempts in an unknown way',
      { preemptionPolicy: 'Ask' as 'Never' },
      ['spec.preemptionPolicy: Unsupported value: "Ask": supported values: "PreemptLowerPriority", "Never"'],
    ],
    [
      'with containers to debug it and a node behind gates',
      { ephemeralContainers: [{ name: 'd', image: 'x' }], schedulingGates: [{ name: 'g' }], nodeName: 'n' },
      [
        'spec.ephemeralContainers: Forbidden: cannot be set on create',
        'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
      ],
    ],
    [
      'whose variables divide by what is no unit',
      withFirst({
        env: (
          [
            ['limits.cpu', '1000m'],
            ['limits.cpu', '3'],
            ['requests.memory', '2Mi'],
            ['requests.hugepages-2Mi', '1m'],
            ['limits.memory', '1Mi'],
            ['limits.ephemeral-storage', '0'],
          ] as const
        ).map(([resource, divisor]) => ({ name: 'A', valueFrom: { resourceFieldRef: { resource, divisor } } })),
      }),
      [
        `${at}.env[1].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
        `${at}.env[2].valueFrom.resourceFieldRef.divisor: Invalid value: "requests.memory": only divisor's values ${units} are supported with the memory resource`,
        `${at}.env[3].valueFrom.resourceFieldRef.divisor: Invalid value: "requests.hugepages-2Mi": only divisor's values ${units} are supported with the hugepages resource`,
      ],
    ],
    [
      'that asks for half a page and for what is not theirs',
      withFirst({
        resources: { limits: { cpu: '1', 'hugepages-2Mi': '3Mi', pods: '1', 'requests.example.com/a': '1' } },
      }),
      [
        `${at}.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`,
        `${at}.resources.limits[pods]: Invalid value: "pods": must be a standard resource for containers`,
        `${at}.resources.limits[requests.example.com/a]: Invalid value: "requests.example.com/a": doesn't follow extended resource name standard`,
      ],
    ],
  ]
  for (const [name, own, expected] of rows) test(name, () => assert.deepEqual(created(own), expected))

  test('with annotations that mean something', () => {
    const [cost, mirror] = ['controller.kubernetes.io/pod-deletion-cost', 'kubernetes.io/config.mirror']
    assert.deepEqual(created({}, { [cost]: '-5' }), [])
    assert.deepEqual(created({}, { [cost]: '05', [mirror]: 'h' }), [
      `metadata.annotations[${mirror}]: Invalid value: "h": must set spec.nodeName if mirror pod annotation is set`,
      `metadata.annotations[${cost}]: Invalid value: "05": must be a 32bit integer`,
    ])
  })
})

test('fields of features that are off are dropped, unless they were there', () => {
  const spec = (): PodSpec => ({
    hostnameOverride: 'h',
    volumes: [
      { name: 'i', image: { reference: 'x' } },
      {
        name: 'p',
        projected: {
          sources: [{ podCertificate: { signerName: 's', keyType: 'ED25519' } }, { secret: { name: 's' } }],
        },
      },
    ],
    initContainers: [{ name: 'i', restartPolicy: 'Always' }],
    containers: [
      {
        name: 'a',
        restartPolicy: 'Never',
        restartPolicyRules: [],
        lifecycle: { stopSignal: 'SIGUSR1' },
        env: [{ name: 'E', valueFrom: { fileKeyRef: { volumeName: 'e', path: 'p', key: 'k' } } }],
        volumeMounts: [{ name: 'i', mountPath: '/i' }],
      },
    ],
  })
  const [dropped, kept] = [spec(), spec()]
  dropDisabledFields(dropped, undefined)
  dropDisabledFields(kept, spec())
  assert.deepEqual(kept, spec())
  assert.deepEqual(dropped, {
    volumes: [{ name: 'p', projected: { sources: [{}, { secret: { name: 's' } }] } }],
    initContainers: [{ name: 'i', restartPolicy: 'Always' }],
    containers: [{ name: 'a', env: [{ name: 'E', valueFrom: {} }] }],
  })
})

describe('an update of a pod behind gates', () => {
  const required = (...terms: string[]): Partial<PodSpec> => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: terms.map((key) => ({
            matchExpressions: key.split('+').map((one) => ({ key: one, operator: 'Exists' as const })),
          })),
        },
      },
    },
  })
  const place = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
  const rows: readonly [string, Partial<PodSpec>, Partial<PodSpec>, readonly string[]][] = [
    ['asks for more labels', { nodeSelector: { a: 'b', c: 'd' } }, { nodeSelector: { a: 'b' } }, []],
    [
      'asks for other labels',
      { nodeSelector: { a: 'c' } },
      { nodeSelector: { a: 'b' } },
      [
        'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      ],
    ],
    ['asks for more within a choice', required('a+b'), required('a'), []],
    ['asks for something at all', required('a'), {}, []],
    [
      'asks for one choice more',
      required('a', 'b'),
      required('a'),
      [`${place}: no additions/deletions to non-empty NodeSelectorTerms list are allowed`],
    ],
    [
      'asks for another',
      required('b'),
      required('a'),
      [`${place}[0]: only additions are allowed (no mutations or deletions)`],
    ],
  ]
  const gated = { schedulingGates: [{ name: 'g/h' }] }
  for (const [name, now, old, expected] of rows) {
    test(name, () => {
      const found = refusals((report) =>
        podStrategy.validate!(pod({ ...gated, ...now }), pod({ ...gated, ...old }), report),
      )
      assert.deepEqual(
        found.map((line) => line.replace(/Invalid value: [[{]"?M?.*[\]}]: (?=no|only additions are)/, '')),
        expected,
      )
    })
  }
})

describe('the volumes of a pod', () => {
  const at = 'spec.volumes[0]'
  const spec = { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } } }
  const rows: readonly [string, Partial<PodSpec>, readonly string[]][] = [
    ['of claims of its own', { volumes: [{ name: 'e', ephemeral: { volumeClaimTemplate: { spec } } }] }, []],
    [
      'of claims that ask for nothing, with names',
      {
        volumes: [
          { name: 'e', ephemeral: { volumeClaimTemplate: { metadata: { name: 'x', labels: { '-': '' } }, spec: {} } } },
        ],
      },
      [
        `${at}.ephemeral.volumeClaimTemplate.metadata.labels: Invalid value: "-": ${qualifiedNameProblems('-').join('; ')}`,
        `${at}.ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set`,
        `${at}.ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required`,
        `${at}.ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value`,
      ],
    ],
    [
      'of a claim that is only made for it',
      {
        volumes: [
          { name: 'e', ephemeral: { volumeClaimTemplate: { spec } } },
          { name: 'c', persistentVolumeClaim: { claimName: 'p-e' } },
        ],
      },
      [
        'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "p-e": must not reference a PVC that gets created for an ephemeral volume',
      ],
    ],
    [
      'of a driver that there cannot be',
      { volumes: [{ name: 'd', csi: { driver: 'A_', nodePublishSecretRef: { name: 'B' } } }] },
      [
        `${at}.csi.driver: Invalid value: "A_": ${dnsSubdomainProblems('a_').join('; ')}`,
        `${at}.csi.name: Invalid value: "B": ${dnsSubdomainProblems('B').join('; ')}`,
      ],
    ],
  ]
  for (const [name, own, expected] of rows) test(name, () => assert.deepEqual(created(own), expected))
})

describe('where a pod goes', () => {
  const at = 'spec.topologySpreadConstraints[0]'
  const spread = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' } as const
  const labelSelector = { matchLabels: { a: '1' } }
  const term = 'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]'
  const near = (own: Partial<PodAffinityTerm>): Partial<PodSpec> => ({
    affinity: {
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', ...own }] },
    },
  })
  const rows: readonly [string, Partial<PodSpec>, readonly string[]][] = [
    [
      'by all that constraints say',
      {
        topologySpreadConstraints: [
          {
            ...spread,
            topologyKey: 'any thing',
            minDomains: 1,
            nodeAffinityPolicy: 'Honor',
            nodeTaintsPolicy: 'Ignore',
            labelSelector,
            matchLabelKeys: ['b'],
          },
        ],
      },
      [],
    ],
    [
      'by constraints that say nothing right',
      {
        topologySpreadConstraints: [
          {
            maxSkew: 0,
            topologyKey: '',
            whenUnsatisfiable: 'No' as never,
            minDomains: 0,
            nodeAffinityPolicy: 'No' as never,
            nodeTaintsPolicy: '' as never,
            matchLabelKeys: ['b'],
          },
        ],
      },
      [
        `${at}.maxSkew: Invalid value: 0: must be greater than zero`,
        `${at}.topologyKey: Required value: can not be empty`,
        `${at}.whenUnsatisfiable: Unsupported value: "No": supported values: "DoNotSchedule", "ScheduleAnyway"`,
        `${at}.minDomains: Invalid value: 0: must be greater than zero`,
        `${at}.minDomains: Invalid value: 0: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not No`,
        `${at}.nodeAffinityPolicy: Unsupported value: "No": supported values: "Honor", "Ignore"`,
        `${at}.nodeTaintsPolicy: Unsupported value: "": supported values: "Honor", "Ignore"`,
        `${at}.matchLabelKeys: Forbidden: must not be specified when labelSelector is not set`,
      ],
    ],
    [
      'by one constraint twice',
      { topologySpreadConstraints: [spread, { ...spread, whenUnsatisfiable: 'ScheduleAnyway' }, spread] },
      [`${at}.{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"`],
    ],
    [
      'by labels of its own that the selector names, too',
      { topologySpreadConstraints: [{ ...spread, labelSelector, matchLabelKeys: ['-', 'a'] }] },
      [
        `${at}.matchLabelKeys[0]: Invalid value: "-": ${qualifiedNameProblems('-').join('; ')}`,
        `${at}[1]: Invalid value: "a": exists in both matchLabelKeys and labelSelector`,
      ],
    ],
    [
      'near others like and unlike itself',
      near({ labelSelector, matchLabelKeys: ['b', 'c'], mismatchLabelKeys: ['c'] }),
      [
        `${term}[1]: Invalid value: "c": exists in both matchLabelKeys and labelSelector`,
        `${term}.matchLabelKeys[1]: Invalid value: "c": exists in both matchLabelKeys and mismatchLabelKeys`,
      ],
    ],
    [
      'near others without a selector',
      near({ mismatchLabelKeys: ['c'] }),
      [`${term}.mismatchLabelKeys: Forbidden: must not be specified when labelSelector is not set`],
    ],
    [
      'on nodes whose names there cannot be',
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['A'] }] }],
            },
          },
        },
      },
      [
        `spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].values[0]: Invalid value: "A": ${dnsSubdomainProblems('A').join('; ')}`,
      ],
    ],
  ]
  for (const [name, own, expected] of rows) test(name, () => assert.deepEqual(created(placed(own)), expected))

  /** As it is when it is checked. */
  function placed(own: Partial<PodSpec>): Partial<PodSpec> {
    const one = pod(structuredClone(own))
    one.metadata.labels = { a: '1', b: '2', c: '3' }
    podStrategy.prepare!(one, undefined, servingContext)
    return one.spec
  }

  test('the labels of a new pod get into the selectors that go by them', () => {
    const selector = () => ({ matchLabels: { x: 'y' } })
    const own = near({ labelSelector: selector(), matchLabelKeys: ['a', 'gone'], mismatchLabelKeys: ['b'] })
    own.topologySpreadConstraints = [
      { ...spread, labelSelector: selector(), matchLabelKeys: ['c'] },
      { ...spread, matchLabelKeys: ['c'] },
    ]
    const { affinity, topologySpreadConstraints } = placed(own)
    assert.deepEqual(affinity!.podAffinity!.requiredDuringSchedulingIgnoredDuringExecution![0]!.labelSelector, {
      matchLabels: { x: 'y' },
      matchExpressions: [
        { key: 'a', operator: 'In', values: ['1'] },
        { key: 'b', operator: 'NotIn', values: ['2'] },
      ],
    })
    assert.deepEqual(
      topologySpreadConstraints!.map((one) => one.labelSelector),
      [{ matchLabels: { x: 'y' }, matchExpressions: [{ key: 'c', operator: 'In', values: ['3'] }] }, undefined],
    )
  })
})
