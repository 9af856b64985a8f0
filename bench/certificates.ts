/** Certificates for a server on loopback and for its administrator, for the length of one run. */
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'

/** How a client reaches a server and shows who it is; all but the port are PEM. */
export interface Address {
  readonly port: number
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** What the server shows and trusts; PEM. */
export interface ServerCertificates {
  readonly certificate: string
  readonly key: string
  readonly clientAuthority: string
}

export function issueCertificates(): { readonly server: ServerCertificates; readonly client: Omit<Address, 'port'> } {
  const validity = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 86_400_000 }
  const authority = createAuthority({ commonName: 'bench' }, validity)
  const own = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: 'server' },
    publicKey: own.publicKey,
    extendedUsages: ['serverAuth'],
    addresses: ['127.0.0.1'],
    ...validity,
  })
  const theirs = generateKey()
  const client = issueCertificate(authority, {
    subject: { commonName: 'admin', organizations: ['system:masters'] },
    publicKey: theirs.publicKey,
    extendedUsages: ['clientAuth'],
    ...validity,
  })
  const trusted = certificatePem(authority.certificate)
  return {
    server: { certificate: certificatePem(certificate), key: privateKeyPem(own.privateKey), clientAuthority: trusted },
    client: { authority: trusted, certificate: certificatePem(client), key: privateKeyPem(theirs.privateKey) },
  }
}
