// An authority for servers that ask in the name of others, and what such servers show.
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import type { AggregationOptions } from '#server/extensions/aggregation/aggregation.ts'

export interface Credentials {
  readonly certificate: string
  readonly key: string
}

export interface FrontProxy {
  /** PEM of the authority of the front proxy. */
  readonly authority: string
  /** PEM of the authority of ordinary clients. */
  readonly clientAuthority: string
  readonly options: Required<AggregationOptions>
  /** A certificate of one of the authorities. */
  issue(by: 'frontProxy' | 'clients', commonName: string): Credentials
}

export function startFrontProxy(): FrontProxy {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authorities = {
    frontProxy: createAuthority({ commonName: 'front-proxy-ca' }, validity),
    clients: createAuthority({ commonName: 'kubernetes' }, validity),
  }
  const issue = (by: keyof typeof authorities, commonName: string): Credentials => {
    const keys = generateKey()
    const certificate = issueCertificate(authorities[by], {
      subject: { commonName },
      publicKey: keys.publicKey,
      extendedUsages: ['clientAuth'],
      ...validity,
    })
    return { certificate: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
  }
  const authority = certificatePem(authorities.frontProxy.certificate)
  const clientAuthority = certificatePem(authorities.clients.certificate)
  return {
    authority,
    clientAuthority,
    issue,
    options: {
      identity: issue('frontProxy', 'front-proxy-client'),
      trust: {
        clientAuthority,
        requestHeader: {
          authority,
          allowedNames: ['front-proxy-client'],
          usernameHeaders: ['X-Remote-User'],
          uidHeaders: ['X-Remote-Uid'],
          groupHeaders: ['X-Remote-Group'],
          extraHeaderPrefixes: ['X-Remote-Extra-'],
        },
      },
    },
  }
}
