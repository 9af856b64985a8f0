import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ContainerState, ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import { refusals } from '#resources/testReport.ts'
import { checkPodStatus, keepReported } from './status.ts'

const pod = (status: PodStatus, spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [], restartPolicy: 'Always', ...spec },
  status,
})
const container = (state: ContainerState, name = 'a'): ContainerStatus => ({
  name,
  state,
  lastState: {},
  ready: false,
  restartCount: 0,
  image: '',
  imageID: '',
})
const runs: ContainerState = { running: {} }
const ended = (exitCode: number): ContainerState => ({ terminated: { exitCode } })
const state = 'may not be transitioned to non-terminated state'

describe('the status of a pod', () => {
  const rows: readonly [string, PodStatus, PodStatus, Partial<PodSpec>, readonly string[]][] = [
    [
      'may have a container run again that is to run always',
      { containerStatuses: [container(ended(0))] },
      { containerStatuses: [container(runs)] },
      {},
      [],
    ],
    [
      'may have a container run again that failed',
      { containerStatuses: [container(ended(1))] },
      { containerStatuses: [container(runs)] },
      { restartPolicy: 'OnFailure' },
      [],
    ],
    [
      'may not have a container run again that succeeded',
      { containerStatuses: [container(ended(0))] },
      { containerStatuses: [container(runs)] },
      { restartPolicy: 'OnFailure' },
      [`status.containerStatuses[0].state: Forbidden: ${state}`],
    ],
    [
      'may not have a container run again that is to run once',
      { phase: 'Failed', containerStatuses: [container(runs, 'b'), container(ended(1))] },
      { phase: 'Running', containerStatuses: [container({ waiting: {} }), container(runs, 'b')] },
      { restartPolicy: 'Never' },
      [`status.containerStatuses[1].state: Forbidden: ${state}`],
    ],
    [
      'may have a sidecar run again, and no other init container',
      { initContainerStatuses: [container(ended(0), 's'), container(ended(0), 'i')] },
      { initContainerStatuses: [container(runs, 's'), container(runs, 'i')] },
      {
        restartPolicy: 'Never',
        initContainers: [{ name: 's', restartPolicy: 'Always' }, { name: 'i' }] as never,
      },
      [`status.initContainerStatuses[1].state: Forbidden: ${state}`],
    ],
    [
      'may not have an ephemeral container run again',
      { ephemeralContainerStatuses: [container(ended(0))] },
      { ephemeralContainerStatuses: [container(runs)] },
      {},
      [`status.ephemeralContainerStatuses[0].state: Forbidden: ${state}`],
    ],
    [
      'keeps how well the pod is protected',
      { qosClass: 'BestEffort' },
      { qosClass: 'Guaranteed' },
      {},
      ['status.qosClass: Invalid value: "Guaranteed": field is immutable'],
    ],
    [
      'has conditions with names, and generations that there can be',
      {},
      {
        observedGeneration: -1,
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'a b', status: 'True', observedGeneration: -2 },
        ],
      },
      {},
      [
        'status.conditions[1].observedGeneration: Invalid value: -2: must be a non-negative integer',
        `status.conditions[1].Type: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
        'status.observedGeneration: Invalid value: -1: must be a non-negative integer',
      ],
    ],
    [
      'names no other node for a pod that has one',
      {},
      { nominatedNodeName: 'b' },
      { nodeName: 'a' },
      ['status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node'],
    ],
    [
      'has addresses, one of each family; wrong ones may stay',
      { podIPs: [{ ip: 'old' }] },
      { hostIP: '10.0.0.1', hostIPs: [{ ip: '10.0.0.2' }], podIPs: [{ ip: 'old' }, { ip: '1.2.3' }] },
      {},
      [
        'status.podIPs[1]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'status.podIPs: Invalid value: [{"IP":"old"},{"IP":"1.2.3"}]: may specify no more than one IP for each IP family',
        'status.hostIPs[0].ip: Invalid value: "10.0.0.2": must be equal to `hostIP`',
      ],
    ],
    [
      'may have an address of each family',
      {},
      { podIP: '1.2.3.4', podIPs: [{ ip: '1.2.3.4' }, { ip: 'fd00::1' }] },
      {},
      [],
    ],
  ]
  for (const [what, before, now, spec, expected] of rows) {
    test(what, () =>
      assert.deepEqual(
        refusals((report) => checkPodStatus(pod(now, spec), pod(before, spec), report)),
        expected,
      ),
    )
  }

  test('keeps what a report leaves out', () => {
    const before = pod({
      qosClass: 'Burstable',
      observedGeneration: 3,
      conditions: [{ type: 'Ready', status: 'True', observedGeneration: 2 }],
    })
    const now = pod({ phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] })
    keepReported(now, before)
    assert.deepEqual(now.status, {
      phase: 'Running',
      qosClass: 'Burstable',
      observedGeneration: 3,
      conditions: [{ type: 'Ready', status: 'False', observedGeneration: 2 }],
    })
  })
})
