import assert from 'node:assert/strict'
import { test } from 'node:test'
import { difference } from './difference.ts'
import { goForm } from './goForm.ts'

const rows: readonly [string, string, object, object][] = [
  [
    'absent pointers are null, absent texts and numbers are zero',
    'core.v1.ServicePort',
    { port: 80, protocol: 'TCP' },
    { Name: '', Protocol: 'TCP', AppProtocol: null, Port: 80, TargetPort: 0, NodePort: 0 },
  ],
  [
    'structs inside have Go names too, lists stay lists',
    'core.v1.SecurityContext',
    { seLinuxOptions: { level: 's0' }, capabilities: { add: ['NET_ADMIN'] } },
    {
      Capabilities: { Add: ['NET_ADMIN'], Drop: null },
      Privileged: null,
      SELinuxOptions: { User: '', Role: '', Type: '', Level: 's0' },
      WindowsOptions: null,
      RunAsUser: null,
      RunAsGroup: null,
      RunAsNonRoot: null,
      ReadOnlyRootFilesystem: null,
      AllowPrivilegeEscalation: null,
      ProcMount: null,
      SeccompProfile: null,
      AppArmorProfile: null,
    },
  ],
  [
    'types of apimachinery keep their JSON names',
    'policy.v1.PodDisruptionBudgetSpec',
    { minAvailable: '50%', selector: { matchLabels: { a: 'b' } } },
    {
      MinAvailable: '50%',
      Selector: { matchLabels: { a: 'b' } },
      MaxUnavailable: null,
      UnhealthyPodEvictionPolicy: null,
    },
  ],
]
for (const [name, definition, value, expected] of rows) {
  test(name, () => {
    // The order of the fields is part of the text.
    assert.equal(JSON.stringify(goForm(`io.k8s.api.${definition}`, value)), JSON.stringify(expected))
  })
}

test('a difference shows the lines that differ, with three around them', () => {
  const before = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 }
  const expected = `@@ -2,7 +2,7 @@
  "a": 1,
  "b": 2,
  "c": 3,
- "d": 9,
+ "d": 4,
  "e": 5,
  "f": 6,
  "g": 7
`
  assert.equal(difference({ ...before, d: 9 }, before), expected)
  assert.equal(difference(before, before), '')
})
