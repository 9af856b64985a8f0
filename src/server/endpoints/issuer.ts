// What others need to check the tokens of service accounts by themselves (KEP-1393, OpenID Connect Discovery 1.0).
import type { Exchange } from '../exchange.ts'
import type { ServerReply } from '../request.ts'

/** Keys change seldom, and a new one is published before it signs. */
const headers = { 'cache-control': 'public, max-age=3600' }

/** `/.well-known/openid-configuration`: who issues the tokens, and where the keys are. */
export async function issuerConfiguration({ server }: Exchange): Promise<ServerReply> {
  const { issuer, keysUrl, verifier } = server.issuer
  const keySet = await verifier.keySet()
  const algorithms = [...new Set(keySet.keys.map(({ alg }) => alg!))].toSorted()
  const document = {
    issuer,
    jwks_uri: keysUrl,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
  }
  return jsonReply(document, 'application/json')
}

/** `/openid/v1/jwks`: the public keys. */
export async function issuerKeys({ server }: Exchange): Promise<ServerReply> {
  return jsonReply(await server.issuer.verifier.keySet(), 'application/jwk-set+json')
}

const jsonReply = (document: object, contentType: string): ServerReply => ({
  type: 'bytes',
  code: 200,
  contentType,
  bytes: Buffer.from(JSON.stringify(document)),
  headers,
})
