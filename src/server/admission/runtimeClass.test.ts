import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pods } from '#api/core/v1/pod.ts'
import { runtimeClass } from './runtimeClass.ts'
import { ask, clusterWith } from './testRequest.ts'

const pod = (spec: object): object => ({ metadata: { name: 'p', namespace: 'n' }, spec: { containers: [], ...spec } })
const any = { operator: 'Exists' }
const gpu = { key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }

const cluster = clusterWith({
  runtimeclasses: [
    { metadata: { name: 'plain' }, handler: 'runc' },
    {
      metadata: { name: 'vm' },
      handler: 'kata',
      overhead: { podFixed: { cpu: '250m', memory: '64Mi' } },
      scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [gpu, { ...gpu, key: 'vm' }] },
    },
  ],
})
const overhead = { cpu: '250m', memory: '64Mi' }

const rows: readonly { readonly name: string; readonly spec: object; readonly is: object | string }[] = [
  { name: 'no class', spec: {}, is: pod({}) },
  {
    name: 'a class that asks for nothing',
    spec: { runtimeClassName: 'plain' },
    is: pod({ runtimeClassName: 'plain' }),
  },
  {
    name: 'overhead, nodes and tolerations',
    spec: {
      runtimeClassName: 'vm',
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ ...gpu, operator: 'Equal', value: 'x' }],
    },
    is: pod({
      runtimeClassName: 'vm',
      nodeSelector: { disk: 'ssd', vm: 'yes' },
      tolerations: [gpu, { ...gpu, key: 'vm' }],
      overhead,
    }),
  },
  {
    name: 'a toleration of everything, which includes the others',
    spec: { runtimeClassName: 'vm', tolerations: [any], overhead: { cpu: '0.25', memory: '65536Ki' } },
    is: pod({
      runtimeClassName: 'vm',
      tolerations: [any],
      overhead: { cpu: '0.25', memory: '65536Ki' },
      nodeSelector: { vm: 'yes' },
    }),
  },
  {
    name: 'a class that is not there',
    spec: { runtimeClassName: 'none' },
    is: 'pods "p" is forbidden: pod rejected: RuntimeClass "none" not found',
  },
  {
    name: 'another overhead than that of the class',
    spec: { runtimeClassName: 'vm', overhead: { cpu: '1' } },
    is: "pods \"p\" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
  },
  {
    name: 'overhead without a class',
    spec: { overhead },
    is: 'pods "p" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
  },
  {
    name: 'nodes that contradict those of the class',
    spec: { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
    is: 'pods "p" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
  },
]

for (const { name, spec, is } of rows) {
  test(`a pod with ${name}`, async () => {
    const verdict = await ask(runtimeClass, pods, { object: pod(spec) }, cluster)
    assert.deepEqual(verdict.refused ?? verdict.object, is)
  })
}
