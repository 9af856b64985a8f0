import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admissionPluginNames, admissionPlugins, optionalPlugins } from './plugins.ts'
import { noPluginMetrics } from './pluginMetrics.ts'

const options = {
  metrics: noPluginMetrics,
  maySign: () => false,
  access: () => ({ allowed: false, reason: '' }) as never,
  webhooks: { call: () => Promise.reject(new Error('There are no webhooks')), [Symbol.dispose]() {} },
}

test('plugins that are disabled are not asked, the others are unless they are optional', () => {
  const names = (more: object) => admissionPlugins({ ...options, ...more }).map(({ name }) => name)
  const usual = admissionPluginNames().filter((name) => !optionalPlugins.includes(name))
  assert.deepEqual(names({}), usual)
  assert.deepEqual(
    names({ disabled: ['Priority', 'PodTopologyLabels'] }),
    usual.filter((name) => name !== 'Priority'),
  )
})

test("plugins are asked in Kubernetes' default order", () => {
  const plugins = admissionPlugins({ ...options, podTopologyLabels: true })
  assert.deepEqual(
    plugins.map(({ name }) => name),
    [
      'NamespaceLifecycle',
      'LimitRanger',
      'ServiceAccount',
      'NodeRestriction',
      'TaintNodesByCondition',
      'PodSecurity',
      'Priority',
      'DefaultTolerationSeconds',
      'DefaultStorageClass',
      'StorageObjectInUseProtection',
      'PersistentVolumeClaimResize',
      'RuntimeClass',
      'CertificateApproval',
      'CertificateSigning',
      'ClusterTrustBundleAttest',
      'CertificateSubjectRestriction',
      'DefaultIngressClass',
      // Upstream asks this with the rules of the kind.
      'DeviceAdminAccess',
      'PodTopologyLabels',
      'MutatingAdmissionPolicy',
      'MutatingAdmissionWebhook',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionWebhook',
      'ResourceQuota',
    ],
  )
})
