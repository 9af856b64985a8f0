import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Container, EphemeralContainer } from '#api/core/v1/container.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { podStrategy } from './strategy.ts'

const complete = <C extends Container>(container: C): C => ({
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'Always',
  image: 'x',
  ...container,
})
const pod = (own: Partial<PodSpec>, status?: PodStatus, annotations = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', annotations },
  spec: { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', containers: [], ...own },
  ...(status && { status }),
})
const mirror = { 'kubernetes.io/config.mirror': 'h' }

describe('a resize', () => {
  const container = (cpu: string, own: Partial<Container> = {}): Container =>
    complete({ name: 'a', resources: { requests: { cpu, 'ephemeral-storage': '1Gi' } }, ...own })
  const sidecar = (cpu: string): Container =>
    complete({ name: 's', restartPolicy: 'Always', resources: { requests: { cpu } } })
  const starter = (cpu: string): Container => complete({ name: 'i', resources: { requests: { cpu } } })
  const old = pod({ containers: [container('1')] })
  const rows: readonly [string, Pod, Pod, readonly string[]][] = [
    ['of CPU', pod({ containers: [container('2')] }), old, []],
    ['that changes the image too, which is not taken', pod({ containers: [container('2', { image: 'y' })] }), old, []],
    [
      'of a sidecar',
      pod({ containers: [container('1')], initContainers: [sidecar('2')] }),
      pod({ containers: [container('1')], initContainers: [sidecar('1')] }),
      [],
    ],
    [
      'of what starts before the others',
      pod({ containers: [container('1')], initContainers: [starter('2')] }),
      pod({ containers: [container('1')], initContainers: [starter('1')] }),
      ['spec: Forbidden: resources for non-sidecar init containers are immutable'],
    ],
    [
      'of the disk',
      pod({ containers: [container('1', { resources: { requests: { cpu: '1', 'ephemeral-storage': '2Gi' } } })] }),
      old,
      ['spec: Forbidden: only cpu and memory resources are mutable'],
    ],
    [
      'that takes away what was asked for',
      pod({ containers: [container('1', { resources: { requests: { 'ephemeral-storage': '1Gi' } } })] }),
      old,
      [
        'spec: Invalid value: "": Pod QOS Class may not change as a result of resizing',
        'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
      ],
    ],
    [
      'that renames',
      pod({ containers: [container('1', { name: 'b' })] }),
      old,
      ['spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize'],
    ],
    [
      'of a static pod',
      pod({ containers: [container('2')] }),
      pod({ containers: [container('1')] }, undefined, mirror),
      [': Forbidden: static pods cannot be resized'],
    ],
    [
      'of a pod that asks as a whole',
      pod({ containers: [container('2')], resources: { requests: { cpu: '4' } } }),
      old,
      [': Forbidden: pods with pod-level resources cannot be resized'],
    ],
    [
      'where the node cannot',
      pod({ containers: [container('2')] }),
      pod(
        { containers: [container('1')] },
        {
          containerStatuses: [
            { name: 'a', state: { running: {} }, ready: true, restartCount: 0, image: '', imageID: '' },
          ],
        },
      ),
      ['spec: Forbidden: Pod running on node without support for resize'],
    ],
  ]
  const { prepare, validate } = podStrategy.subresources!['resize']!
  for (const [name, wanted, before, expected] of rows) {
    test(name, () => {
      const now = structuredClone(wanted)
      prepare!(now, before, servingContext)
      assert.deepEqual(
        refusals((report) => validate!(now, before, report, servingContext)),
        expected,
      )
    })
  }
})

describe('a container to debug', () => {
  const debug = (own: Partial<EphemeralContainer> = {}): EphemeralContainer => complete({ name: 'd', ...own })
  const withThese = (...ephemeralContainers: EphemeralContainer[]): Pod =>
    pod({ containers: [complete({ name: 'a' })], ephemeralContainers })
  const at = 'spec.ephemeralContainers'
  const rows: readonly [string, Pod, Pod, readonly string[]][] = [
    ['that is new', withThese(debug()), withThese(), []],
    [
      'that is gone',
      withThese(),
      withThese(debug()),
      [`${at}: Forbidden: existing ephemeral containers "d" may not be removed`],
    ],
    [
      'that changed',
      withThese(debug({ image: 'y' })),
      withThese(debug()),
      [`${at}: Forbidden: existing ephemeral containers "d" may not be changed`],
    ],
    [
      'that would be more than that',
      withThese(
        debug({
          name: 'a',
          targetContainerName: 'd',
          ports: [{ containerPort: 1, protocol: 'TCP' }],
          resources: { requests: { cpu: '1' } },
          lifecycle: { preStop: { exec: { command: ['x'] } } },
        }),
      ),
      withThese(),
      [
        `${at}[0].name: Duplicate value: "a"`,
        `${at}[0].targetContainerName: Not found: "d"`,
        `${at}[0].ports: Forbidden: cannot be set for an Ephemeral Container`,
        `${at}[0].resources: Forbidden: cannot be set for an Ephemeral Container`,
        `${at}[0].lifecycle: Forbidden: cannot be set for an Ephemeral Container`,
      ],
    ],
    [
      'of a static pod',
      withThese(debug()),
      pod({}, undefined, mirror),
      [': Forbidden: static pods do not support ephemeral containers'],
    ],
  ]
  const { validate } = podStrategy.subresources!['ephemeralcontainers']!
  for (const [name, now, before, expected] of rows) {
    test(name, () => {
      const found = refusals((report) => validate!(now, before, report, servingContext))
      assert.deepEqual(
        found.map((line) => line.split('\n')[0]),
        expected,
      )
    })
  }
})
