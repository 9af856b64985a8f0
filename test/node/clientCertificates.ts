// Certificates of clients with authorities between, revoked ones and those that nobody vouches for, made with openssl.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificate } from '#ingress/routing.ts'

export interface ClientCertificates {
  readonly root: string
  /** Another authority, which vouches for `strange`. */
  readonly otherRoot: string
  /** What the first authority has revoked: `revoked`. */
  readonly revocations: string
  readonly direct: Certificate
  readonly revoked: Certificate
  readonly expired: Certificate
  readonly strange: Certificate
  /** With one and with two authorities between, which are in the chain. */
  readonly throughOne: Certificate
  readonly throughTwo: Certificate
}

const authorityExtensions = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'
const clientExtensions = 'extendedKeyUsage=clientAuth\n'
const authorityConfiguration = `[ca]
default_ca=one
[one]
database=index
crlnumber=number
default_md=sha256
default_crl_days=2
`

export function makeClientCertificates(): ClientCertificates {
  const folder = mkdtempSync('/tmp/clients-')
  const at = (name: string): string => join(folder, name)
  const openssl = (...words: readonly string[]): void =>
    void execFileSync('openssl', [...words], { cwd: folder, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const text = (name: string): string => readFileSync(at(name), 'utf8')
  const root = (name: string): void =>
    openssl(
      'req',
      '-x509',
      ...curve,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
    )
  const issue = (name: string, by: string, extensions: string, subject = `/O=Shop/CN=${name}`, days = '2'): void => {
    writeFileSync(at(`${name}.ext`), extensions)
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
    const signer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial']
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signer,
      '-extfile',
      `${name}.ext`,
      '-days',
      days,
      '-out',
      `${name}.pem`,
    )
  }
  const certificate = (name: string, ...between: readonly string[]): Certificate => ({
    chain: [name, ...between].map((each) => text(`${each}.pem`)).join(''),
    key: text(`${name}.key`),
  })
  try {
    root('root')
    root('other')
    issue('one', 'root', authorityExtensions)
    issue('two', 'one', authorityExtensions)
    issue('direct', 'root', clientExtensions)
    issue('revoked', 'root', clientExtensions)
    issue('expired', 'root', clientExtensions, '/CN=expired', '-1')
    issue('strange', 'other', clientExtensions)
    issue('throughOne', 'one', clientExtensions)
    issue('throughTwo', 'two', clientExtensions)
    for (const [name, content] of Object.entries({ 'ca.conf': authorityConfiguration, index: '', number: '01\n' }))
      writeFileSync(at(name), content)
    const authority = ['ca', '-config', 'ca.conf', '-keyfile', 'root.key', '-cert', 'root.pem']
    openssl(...authority, '-revoke', 'revoked.pem')
    openssl(...authority, '-gencrl', '-out', 'revocations.pem')
    return {
      root: text('root.pem'),
      otherRoot: text('other.pem'),
      revocations: text('revocations.pem'),
      direct: certificate('direct'),
      revoked: certificate('revoked'),
      expired: certificate('expired'),
      strange: certificate('strange'),
      throughOne: certificate('throughOne', 'one'),
      throughTwo: certificate('throughTwo', 'two', 'one'),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
