import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificatePem, createAuthority } from '#lib/pki/certificate.ts'
import { planTrust } from './clusterTrust.ts'

const now = Date.UTC(2026, 0, 1)
const hour = 3_600_000
const authority = (commonName: string, notAfter = now + hour): string =>
  certificatePem(createAuthority({ commonName }, { notBefore: now - 24 * hour, notAfter }).certificate)

const clientAuthority = authority('kubernetes')
const trust = {
  clientAuthority,
  requestHeader: {
    authority: authority('front-proxy-ca'),
    allowedNames: ['front-proxy-client'],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: ['X-Remote-Uid'],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  },
}
const alone = {
  'client-ca-file': clientAuthority,
  'requestheader-allowed-names': '["front-proxy-client"]',
  'requestheader-client-ca-file': trust.requestHeader.authority,
  'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  'requestheader-group-headers': '["X-Remote-Group"]',
  'requestheader-uid-headers': '["X-Remote-Uid"]',
  'requestheader-username-headers': '["X-Remote-User"]',
}

test('servers are told whom to believe', () => {
  assert.deepEqual(planTrust(trust, {}, now), alone)
  assert.deepEqual(planTrust(trust, alone, now), alone)
})

test('what another server of the cluster wrote is kept, what is over or unreadable is not', () => {
  const [other, late, ended] = [authority('other'), authority('late', now - 200_000), authority('ended', now - 400_000)]
  const present = {
    'client-ca-file': `${ended}${other}${late}${clientAuthority}`,
    'requestheader-client-ca-file': '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----',
    'requestheader-allowed-names': '["aggregator","front-proxy-client"]',
    'requestheader-username-headers': 'X-Remote-User',
    more: 'of somebody',
  }
  assert.deepEqual(planTrust(trust, present, now), {
    ...alone,
    'client-ca-file': `${other}${late}${clientAuthority}`,
    'requestheader-allowed-names': '["aggregator","front-proxy-client"]',
  })
})
