import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admissionPlugins } from './plugins.ts'

test("plugins are asked in Kubernetes' default order", () => {
  const plugins = admissionPlugins({
    podTopologyLabels: true,
    maySign: () => false,
    access: () => ({ allowed: false, reason: '' }) as never,
    webhooks: { call: () => Promise.reject(new Error('There are no webhooks')), [Symbol.dispose]() {} },
  })
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
