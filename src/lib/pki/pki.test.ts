import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { X509Certificate } from 'node:crypto'
import { before, describe, test } from 'node:test'
import {
  certificatePem,
  createAuthority,
  encodeName,
  findCertificateProblem,
  generateKey,
  generateRsaKey,
  issueCertificate,
  privateKeyPem,
  readCertificates,
  subjectOf,
  validityOf,
} from './certificate.ts'
import type { Authority } from './certificate.ts'
import * as der from './der.ts'
import { createRequest, readRequest } from './request.ts'

const start = Date.UTC(2026, 0, 1)
const year = 365 * 86_400_000
const validity = { notBefore: start, notAfter: start + year }

describe('certificates', () => {
  let authority: Authority
  before(
    () =>
      (authority = createAuthority({ commonName: 'kubernetes' }, { notBefore: start, notAfter: start + 10 * year })),
  )

  const issue = (options: { extendedUsages?: ('serverAuth' | 'clientAuth')[]; notAfter?: number } = {}) =>
    issueCertificate(authority, {
      subject: { commonName: 'system:node:one', organizations: ['system:nodes', 'b,c = "d"', 'Zürich'] },
      publicKey: generateKey().publicKey,
      extendedUsages: options.extendedUsages ?? ['serverAuth'],
      dnsNames: ['one', 'one.example'],
      addresses: ['10.0.0.1', 'fd00::1'],
      notBefore: start,
      notAfter: options.notAfter ?? start + year,
    })

  test('an authority signs itself and may sign others', () => {
    const { certificate } = authority
    assert.equal(certificate.ca, true)
    assert.equal(certificate.verify(certificate.publicKey), true)
    assert.deepEqual(subjectOf(certificate), { commonName: 'kubernetes', organizations: [] })
  })

  test('a leaf carries what was asked for', () => {
    const leaf = issue()
    assert.equal(leaf.checkIssued(authority.certificate), true)
    assert.equal(leaf.verify(authority.certificate.publicKey), true)
    assert.equal(leaf.ca, false)
    assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'])
    assert.equal(leaf.subjectAltName, 'DNS:one, DNS:one.example, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1')
    assert.equal(leaf.checkIP('10.0.0.1'), '10.0.0.1')
    assert.equal(leaf.checkHost('one.example'), 'one.example')
    const subject = subjectOf(leaf)
    assert.equal(subject.commonName, 'system:node:one')
    assert.deepEqual(subject.organizations!.toSorted(), ['Zürich', 'b,c = "d"', 'system:nodes'].toSorted())
    assert.deepEqual(validityOf(leaf), validity)
  })

  test('times from 2050 on are written with four digits of year', () => {
    const notAfter = Date.UTC(2052, 5, 1)
    assert.equal(validityOf(issue({ notAfter })).notAfter, notAfter)
  })

  test('a leaf keeps what else its subject says, and may have no usages', () => {
    const attribute = (oid: string, text: string): Buffer =>
      der.setOf(der.sequence(der.objectIdentifier(oid), der.nameText(text)))
    const leaf = issueCertificate(authority, {
      subject: { commonName: 'jane' },
      subjectName: der.sequence(attribute('2.5.4.11', 'unit'), attribute('2.5.4.3', 'jane')),
      publicKey: generateKey().publicKey,
      keyUsages: [],
      extendedUsages: [],
      ...validity,
    })
    assert.equal(leaf.subject, 'OU=unit\nCN=jane')
    assert.deepEqual([leaf.keyUsage, leaf.checkIssued(authority.certificate)], [undefined, true])
  })

  test('an authority with an RSA key works too', async () => {
    const rsa = createAuthority({ commonName: 'rsa' }, validity, await generateRsaKey())
    const leaf = issueCertificate(rsa, {
      subject: { commonName: 'x' },
      publicKey: generateKey().publicKey,
      extendedUsages: [],
      ...validity,
    })
    assert.equal(leaf.verify(rsa.certificate.publicKey), true)
    assert.match(privateKeyPem(rsa.privateKey), /^-----BEGIN RSA PRIVATE KEY-----/)
  })

  test('problems are found', () => {
    const other = createAuthority({ commonName: 'kubernetes' }, validity)
    const find = (
      certificate: X509Certificate,
      usage: 'clientAuth' | 'serverAuth',
      now: number,
      authorities = [authority.certificate],
    ) => findCertificateProblem(certificate, { authorities, usage, now })
    const leaf = issue({ extendedUsages: ['clientAuth'] })
    assert.deepEqual(
      [
        find(leaf, 'clientAuth', start + 1),
        find(leaf, 'serverAuth', start + 1),
        find(leaf, 'clientAuth', start + 2 * year),
        find(leaf, 'clientAuth', start - 1),
        find(leaf, 'clientAuth', start + 1, [other.certificate]),
        find(leaf, 'clientAuth', start + 1, [other.certificate, authority.certificate]),
      ],
      [
        undefined,
        'x509: certificate specifies an incompatible key usage',
        'x509: certificate has expired or is not yet valid: current time 2028-01-01T00:00:00Z is after 2027-01-01T00:00:00Z',
        'x509: certificate has expired or is not yet valid: current time 2025-12-31T23:59:59Z is before 2026-01-01T00:00:00Z',
        'x509: certificate signed by unknown authority',
        undefined,
      ],
    )
  })

  test('PEM goes both ways', () => {
    const text = certificatePem(issue()) + '# comment\n' + certificatePem(authority.certificate)
    assert.deepEqual(
      readCertificates(text).map((one) => subjectOf(one).commonName),
      ['system:node:one', 'kubernetes'],
    )
    assert.throws(() => readCertificates('hello'), /no CERTIFICATE block/)
    assert.throws(
      () => readCertificates('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'),
      /Cannot read certificate 1 of 1/,
    )
  })
})

describe('requests', () => {
  const names = { dnsNames: ['a.example'], addresses: ['10.0.0.1', 'fd00::1'], emails: ['a@b'], uris: ['spiffe://x/y'] }

  for (const [kind, keys] of [
    ['P-256', generateKey()],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ] as const) {
    test(`a ${kind} request is read back`, () => {
      const subject = { commonName: 'jane', organizations: ['dev', 'ops'] }
      const request = readRequest(createRequest(subject, names, keys))
      assert.deepEqual(
        { ...request, publicKey: undefined },
        { subject, subjectName: encodeName(subject), ...names, publicKey: undefined },
      )
      assert.equal(request.publicKey.equals(keys.publicKey), true)
    })
  }

  test('a request without names', () => {
    const request = readRequest(createRequest({ commonName: 'jane' }, {}, generateKey()))
    assert.deepEqual([request.subject, request.dnsNames], [{ commonName: 'jane', organizations: [] }, []])
  })

  test('a changed request is refused', () => {
    const pem = createRequest({ commonName: 'jane' }, {}, generateKey())
    const bytes = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64')
    bytes[bytes.indexOf('jane')] = 'J'.charCodeAt(0)
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
    assert.throws(() => readRequest(changed), /Cannot read certificate request: signature does not match/)
  })

  test('a request cut anywhere is refused, never misread', () => {
    const pem = createRequest({ commonName: 'jane' }, names, generateKey())
    const bytes = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64')
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length).toString('base64')
      assert.throws(() =>
        readRequest(`-----BEGIN CERTIFICATE REQUEST-----\n${cut}\n-----END CERTIFICATE REQUEST-----\n`),
      )
    }
  })

  test('other texts are refused', () => {
    assert.throws(() => readRequest('hello'), { message: 'PEM block type must be CERTIFICATE REQUEST' })
    assert.throws(() => readRequest('x'.repeat(100_000)), /larger than 65536 bytes/)
  })
})

describe('der', () => {
  test('lengths of every size are read back', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const encoded = der.octetString(Buffer.alloc(length, 7))
      assert.equal(der.decode(encoded).content.length, length)
    }
  })

  test('object identifiers are read back', () => {
    for (const oid of ['2.5.4.3', '1.2.840.113549.1.1.11', '2.16.840.1.113730.4.1', '1.3.101.112', '2.5.29.37.0']) {
      assert.equal(der.readObjectIdentifier(der.decode(der.objectIdentifier(oid))), oid)
    }
  })

  test('broken values are refused', () => {
    const rows: [number[], RegExp][] = [
      [[], /cut short/],
      [[0x30], /cut short/],
      [[0x30, 0x80], /indefinite/],
      [[0x30, 0x84, 0, 0, 0, 0], /too large/],
      [[0x30, 0x05, 1], /cut short/],
      [[0x30, 0x00, 1], /1 bytes follow/],
      [[0x3f, 0x01, 0], /tag numbers/],
    ]
    for (const [bytes, message] of rows) assert.throws(() => der.decode(Buffer.from(bytes)), message)
  })
})

test('a public key of a certificate is the one it was issued for', () => {
  const keys = generateKey()
  const authority = createAuthority({ commonName: 'a' }, validity, keys)
  assert.equal(createPublicKey(authority.privateKey).equals(authority.certificate.publicKey), true)
})
