import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CertificateSigningRequestStatus } from '#api/certificates/v1/certificateSigningRequest.ts'
import { certificatePem, createAuthority } from '#lib/pki/certificate.ts'
import { timeText } from '#machinery/time.ts'
import { endOfUse } from './plan.ts'

const start = Date.UTC(2026, 0, 1)
const minute = 60_000
const condition = (type: string, at: number) =>
  ({ type, status: 'True', lastUpdateTime: timeText(start + at * minute) }) as const
const until = (minutes: number): string => {
  const { certificate } = createAuthority({ commonName: 'c' }, { notBefore: start, notAfter: start + minutes * minute })
  return Buffer.from(certificatePem(certificate)).toString('base64')
}

const rows: readonly { name: string; status?: CertificateSigningRequestStatus; minutes: number | undefined }[] = [
  { name: 'nobody decided', minutes: 24 * 60 },
  { name: 'denied', status: { conditions: [condition('Denied', 5)] }, minutes: 65 },
  { name: 'failed', status: { conditions: [condition('Approved', 5), condition('Failed', 6)] }, minutes: 66 },
  { name: 'approved and not signed yet', status: { conditions: [condition('Approved', 5)] }, minutes: undefined },
  { name: 'signed', status: { conditions: [condition('Approved', 5)], certificate: until(600) }, minutes: 65 },
  {
    name: 'signed for a short time',
    status: { conditions: [condition('Approved', 5)], certificate: until(20) },
    minutes: 20,
  },
  {
    name: 'signed with what nobody can read',
    status: { conditions: [condition('Approved', 5)], certificate: 'eA==' },
    minutes: 65,
  },
]

for (const { name, status, minutes } of rows) {
  test(`cleaning: ${name}`, () => {
    const end = endOfUse({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'r', creationTimestamp: timeText(start) },
      spec: { request: '', signerName: 'kubernetes.io/kube-apiserver-client' },
      ...(status === undefined ? {} : { status }),
    })
    assert.equal(end, minutes === undefined ? undefined : start + minutes * minute)
  })
}
