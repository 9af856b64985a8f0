import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigMap } from '#api/core/v1/configMap.ts'
import { planCertificate, type CertificatePlan } from './plan.ts'

const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'
const annotations = { 'kubernetes.io/description': description }
const name = { name: 'kube-root-ca.crt', namespace: 'a' }
const present = (data: Record<string, string>, own: Record<string, string> = annotations): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...name, annotations: own },
  data,
})

const rows: readonly { name: string; present: ConfigMap | undefined; plan: CertificatePlan }[] = [
  {
    name: 'missing',
    present: undefined,
    plan: { do: 'create', map: { metadata: { ...name, annotations }, data: { 'ca.crt': 'PEM' } } },
  },
  { name: 'as it should be', present: present({ 'ca.crt': 'PEM' }), plan: { do: 'nothing' } },
  {
    name: 'described otherwise',
    present: present({ 'ca.crt': 'PEM' }, { 'kubernetes.io/description': 'ours' }),
    plan: { do: 'nothing' },
  },
  {
    name: 'not described',
    present: present({ 'ca.crt': 'PEM' }, { 'kubernetes.io/description': '' }),
    plan: { do: 'update', map: present({ 'ca.crt': 'PEM' }) },
  },
  {
    name: 'changed by somebody',
    present: present({ 'ca.crt': 'other', more: 'x' }, { mine: 'y' }),
    plan: { do: 'update', map: present({ 'ca.crt': 'PEM' }, { mine: 'y', ...annotations }) },
  },
  {
    name: 'emptied by somebody',
    present: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...name, annotations } },
    plan: { do: 'update', map: present({ 'ca.crt': 'PEM' }) },
  },
]

for (const row of rows) {
  test(`root certificate: ${row.name}`, () => assert.deepEqual(planCertificate('a', row.present, 'PEM'), row.plan))
}
