// HTTPS servers on loopback that play admission webhooks, good ones and hostile ones.
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ServerResponse } from 'node:http'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'

/** The `request` of a review, as it arrived. */
export interface Asked {
  readonly path: string
  readonly request: {
    readonly uid: string
    readonly operation: string
    readonly name?: string
    readonly namespace?: string
    readonly kind: object
    readonly resource: object
    readonly requestKind: object
    readonly subResource?: string
    readonly dryRun: boolean
    readonly options: object
    readonly userInfo: { readonly username: string }
    readonly object: { metadata: { name?: string; labels?: Record<string, string> } } & Record<string, any>
    readonly oldObject: object | null
  }
}

/** What a webhook does: the members of `response`, or something of its own with the connection. */
export type Behaviour = (asked: Asked, reply: ServerResponse) => object | undefined

export interface WebhookServer extends AsyncDisposable {
  /** `https://127.0.0.1:port` */
  readonly url: string
  readonly port: number
  /** For `caBundle`. */
  readonly caBundle: string
  readonly asked: Asked[]
}

/** A JSON patch, for a response. */
export function patching(...operations: readonly object[]): object {
  return { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') }
}

/** Starts a server that answers each path with its behaviour. Its certificate is good for loopback and for these names. */
export async function startWebhooks(
  behaviours: Readonly<Record<string, Behaviour>>,
  names: readonly string[] = [],
): Promise<WebhookServer> {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authority = createAuthority({ commonName: 'webhooks' }, validity)
  const keys = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: 'webhook' },
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth'],
    dnsNames: names,
    addresses: ['127.0.0.1'],
    ...validity,
  })
  const asked: Asked[] = []
  const server: Server = createServer(
    { cert: certificatePem(certificate), key: privateKeyPem(keys.privateKey) },
    (request, reply) => {
      const pieces: Buffer[] = []
      request.on('data', (piece: Buffer) => pieces.push(piece))
      request.on('end', () => {
        const path = request.url!.split('?')[0]!
        const review = JSON.parse(Buffer.concat(pieces).toString('utf8')) as { request: Asked['request'] }
        const one = { path, request: review.request }
        asked.push(one)
        const response = behaviours[path]!(one, reply)
        if (response === undefined) return
        reply.setHeader('content-type', 'application/json')
        reply.end(
          JSON.stringify({
            apiVersion: 'admission.k8s.io/v1',
            kind: 'AdmissionReview',
            response: { uid: review.request.uid, allowed: true, ...response },
          }),
        )
      })
      request.on('error', () => {})
    },
  )
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    caBundle: Buffer.from(certificatePem(authority.certificate)).toString('base64'),
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close').catch(() => {})
    },
  }
}
