import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, test } from 'node:test'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
} from '#api/certificates/v1/certificateSigningRequest.ts'
import type {
  PodCertificateRequest,
  PodCertificateRequestSpec,
  PodCertificateRequestStatus,
} from '#api/certificates/v1alpha1/podCertificateRequest.ts'
import { certificatePem, createAuthority } from '#lib/pki/certificate.ts'
import { createRequest } from '#lib/pki/request.ts'
import { generateKey } from '#lib/pki/certificate.ts'
import { servingContext } from '#resources/testReport.ts'
import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'
import { certificateSigningRequestStrategy } from './certificateSigningRequest.ts'
import { clusterTrustBundleStrategy } from './clusterTrustBundle.ts'
import { podCertificateRequestStrategy } from './podCertificateRequest.ts'

function refusals(check: (report: Report) => void): string[] {
  const { report, problems } = createReport()
  check(report)
  return problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}

const keys = generateKey()
const context = servingContext
const root = certificatePem(
  createAuthority({ commonName: 'root' }, { notBefore: 0, notAfter: 1_000_000_000 }, keys).certificate,
)

describe('a request for a certificate', () => {
  const request = Buffer.from(createRequest({ commonName: 'jane' }, {}, keys)).toString('base64')
  const one = (
    conditions: CertificateSigningRequestCondition[] = [],
    spec: Partial<CertificateSigningRequestSpec> = {},
    certificate = '',
  ): CertificateSigningRequest => ({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'a' },
    spec: { request, signerName: 'example.com/s', usages: ['client auth'], ...spec },
    status: { conditions, certificate },
  })
  const { validate, subresources, prepare } = certificateSigningRequestStrategy
  const created = (spec: Partial<CertificateSigningRequestSpec>) =>
    refusals((report) => validate?.(one([], spec), undefined, report))

  test('that is right', () => assert.deepEqual(created({}), []))
  test('of a signer without a domain', () =>
    assert.deepEqual(created({ signerName: 'a/B' }), [
      'spec.signerName: Invalid value: "a": should be a domain with at least two segments separated by dots',
      `spec.signerName: Invalid value: "B": validating label "B": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ]))
  test('says who asks, whatever it says', () => {
    const wanted = one([], { username: 'root', groups: ['system:masters'], extra: { a: ['b'] } })
    prepare?.(wanted, undefined, context)
    const { username, uid, groups, extra } = wanted.spec
    assert.deepEqual({ username, uid, groups, extra }, { username: 'jane', uid: 'u', groups: ['g'], extra: undefined })
  })

  const approved = { type: 'Approved', status: 'True', reason: 'a' } as const
  const denied = { type: 'Denied', status: 'True' } as const
  const rows: readonly [
    string,
    'status' | 'approval',
    CertificateSigningRequest,
    CertificateSigningRequest,
    string[],
  ][] = [
    ['is approved', 'approval', one([approved]), one(), []],
    ['is not approved by a signer', 'status', one([approved]), one(), ['may not add a condition of type "Approved"']],
    ['is not both', 'approval', one([approved, denied]), one([approved]), ['mutually exclusive']],
    ['is not forgotten', 'approval', one(), one([approved]), ['may not remove a condition of type "Approved"']],
    ['is issued', 'status', one([approved], {}, Buffer.from(root).toString('base64')), one([approved]), []],
    ['is issued as something else', 'status', one([], {}, 'YQ=='), one(), ['must contain at least one CERTIFICATE']],
    [
      'is issued once',
      'status',
      one([], {}, Buffer.from(root).toString('base64')),
      one([], {}, 'YQ=='),
      ['may not modify existing certificate content'],
    ],
  ]
  for (const [name, part, now, before, expected] of rows) {
    test(name, () => {
      const found = refusals((report) => subresources![part]!.validate?.(now, before, report, context))
      assert.equal(found.length, expected.length, found.join())
      for (const [index, text] of expected.entries()) assert.match(found[index]!, new RegExp(text))
    })
  }
  test('tells when it was decided', () => {
    const decided = one([{ ...approved }])
    subresources!['approval']!.prepare?.(decided, one(), { ...context, now: 1_000 })
    const [{ lastUpdateTime, lastTransitionTime } = {}] = decided.status!.conditions! as [
      CertificateSigningRequestCondition,
    ]
    assert.deepEqual([lastUpdateTime, lastTransitionTime], ['1970-01-01T00:00:01Z', '1970-01-01T00:00:01Z'])
  })
})

describe('a bundle of roots', () => {
  const rows: readonly [string, string, string, string, readonly string[]][] = [
    ['that is right', 'a', '', root, []],
    ['of a signer', 'example.com:s:a', 'example.com/s', root, []],
    [
      'of a signer under another name',
      'a',
      'example.com/s',
      root,
      [
        'metadata.name: Invalid value: "a": ClusterTrustBundle for signerName example.com/s must be named with prefix example.com:s:',
      ],
    ],
    [
      'with one root twice',
      'a',
      '',
      root + root,
      ['spec.trustBundle: Invalid value: "<value omitted>": duplicate trust anchor (indices [0 1])'],
    ],
    [
      'with nothing',
      'a',
      '',
      'x',
      ['spec.trustBundle: Invalid value: "<value omitted>": at least one trust anchor must be provided'],
    ],
    [
      'with a key',
      'a',
      '',
      root + root.replaceAll('CERTIFICATE', 'PRIVATE KEY'),
      ['spec.trustBundle: Invalid value: "<value omitted>": entry 1 has bad block type: PRIVATE KEY'],
    ],
  ]
  for (const [name, own, signerName, trustBundle, expected] of rows) {
    test(name, () => {
      const bundle = { apiVersion: '', kind: '', metadata: { name: own }, spec: { signerName, trustBundle } }
      assert.deepEqual(
        refusals((report) => clusterTrustBundleStrategy.validate?.(bundle, undefined, report)),
        expected,
      )
    })
  }
})

describe('a request for a certificate of a pod', () => {
  const pair = generateKeyPairSync('ed25519')
  const spec: PodCertificateRequestSpec = {
    signerName: 'example.com/s',
    podName: 'p',
    podUID: 'pu',
    serviceAccountName: 'a',
    serviceAccountUID: 'au',
    nodeName: 'n',
    nodeUID: 'nu',
    maxExpirationSeconds: 86_400,
    pkixPublicKey: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    proofOfPossession: sign(null, Buffer.from('pu'), pair.privateKey).toString('base64'),
  }
  const rows: readonly [string, Partial<PodCertificateRequestSpec>, readonly string[]][] = [
    ['that is right', {}, []],
    [
      'of another pod than the key proves',
      { podUID: 'other' },
      ['spec.proofOfPossession: Invalid value: could not verify proof-of-possession signature'],
    ],
    [
      'of a pod without an identity',
      { podUID: '', maxExpirationSeconds: undefined! },
      ['spec.podUID: must not be empty', 'spec.maxExpirationSeconds: Required value: must be set'],
    ],
    ['for a second', { maxExpirationSeconds: 1 }, ['spec.maxExpirationSeconds: must be in the range [3600, 7862400]']],
    ['without a key', { pkixPublicKey: 'YQ==' }, ['spec.pkixPublicKey: must be a valid PKIX-serialized public key']],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () => {
      const request = { apiVersion: '', kind: '', metadata: { name: 'a' }, spec: { ...spec, ...own } }
      const found = refusals((report) => podCertificateRequestStrategy.validate?.(request, undefined, report))
      assert.deepEqual(
        found.map((line) => line.replace(/Invalid value: ["\d][^:]*: /, '')),
        expected,
      )
    })
  }

  describe('ends', () => {
    const minute = 60_000
    const keys = generateKey()
    const pem = (from: number, to: number): string =>
      certificatePem(createAuthority({ commonName: 'leaf' }, { notBefore: from, notAfter: to }, keys).certificate)
    const time = (at: number): string => new Date(at).toISOString().replace('.000Z', 'Z')
    const condition = (type: string, status = 'True') => ({
      type,
      status: status as 'True',
      reason: 'Because',
      message: '',
      lastTransitionTime: time(0),
    })
    const request = (status: PodCertificateRequestStatus): PodCertificateRequest => ({
      apiVersion: '',
      kind: '',
      metadata: { name: 'a' },
      spec: { ...spec, pkixPublicKey: keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64') },
      status,
    })
    const issued = (from: number, to: number, own: Partial<PodCertificateRequestStatus> = {}) => ({
      conditions: [condition('Issued')],
      certificateChain: pem(from, to),
      notBefore: time(from),
      notAfter: time(to),
      beginRefreshAt: time(from + 20 * minute),
      ...own,
    })
    const rows: readonly [string, PodCertificateRequestStatus, PodCertificateRequestStatus, readonly string[]][] = [
      ['issued', issued(0, 120 * minute), {}, []],
      ['denied', { conditions: [condition('Denied')] }, {}, []],
      [
        'denied with a time',
        { conditions: [condition('Denied')], notBefore: time(0) },
        {},
        [
          'status: Invalid value: non-condition status fields must be empty when denying or failing the PodCertificateRequest',
        ],
      ],
      [
        'in two ways, and in one that nobody knows',
        { conditions: [condition('Denied'), condition('Failed', 'False'), condition('Lost')] },
        {},
        [
          'status.conditions.[1].type: Invalid value: "Failed": There may be at most one condition with type "Issued", "Denied", or "Failed"',
          'status.conditions.[1].status: Unsupported value: "False": supported values: "True"',
          'status.conditions.[2].type: Unsupported value: "Lost": supported values: "Denied", "Failed", "Issued"',
        ],
      ],
      [
        'twice',
        { conditions: [condition('Failed')] },
        { conditions: [condition('Denied')] },
        ['status: Invalid value: immutable after PodCertificateRequest is issued, denied, or failed'],
      ],
      [
        'not, but says something',
        { notBefore: time(0) },
        {},
        ['status: Invalid value: status is immutable unless transitioning to "Issued", "Denied", or "Failed"'],
      ],
      [
        'issued for half an hour',
        issued(0, 30 * minute),
        {},
        ['status.certificateChain: Invalid value: 1800000000000: leaf certificate lifetime must be >= 1 hour'],
      ],
      [
        'issued without times',
        issued(0, 120 * minute, { notBefore: undefined!, beginRefreshAt: undefined! }),
        {},
        [
          'status.notBefore: Required value: must be present and consistent with the issued certificate',
          'status.beginRefreshAt: Required value: must be present and in the range [notbefore+10min, notafter-10min]',
        ],
      ],
      [
        'issued long ago',
        issued(-10 * minute, 120 * minute),
        {},
        [
          `status.notBefore: Invalid value: "${time(-10 * minute)}": must be set to within 5 minutes of kube-apiserver's current time`,
        ],
      ],
      [
        'issued without a certificate',
        issued(0, 120 * minute, { certificateChain: 'x' }),
        {},
        ['status.certificateChain: Invalid value: "x": issued certificate chain must contain at least one certificate'],
      ],
    ]
    for (const [name, status, before, expected] of rows) {
      test(name, () => {
        const { validate } = podCertificateRequestStrategy.subresources!['status']!
        const found = refusals((report) => validate?.(request(status), request(before), report, context))
        assert.deepEqual(found, expected)
      })
    }
  })
})
