import { createHmac } from 'node:crypto'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { secrets, type Secret } from '#api/core/v1/secret.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { ControllerContext } from '../context.ts'
import { bootstrapNamespace, bootstrapTokenType, timeLeft } from './plan.ts'

const namespace = 'kube-public'
const name = 'cluster-info'
const signaturePrefix = 'jws-kubeconfig-'

/** Signs what a machine may know before it is trusted with every bootstrap token, so that whoever has one can trust it. */
export function bootstrapSigner(context: ControllerContext): Controller {
  const { client, clock } = context
  const maps = context.informers.of(configMaps, { namespace, fieldSelector: `metadata.name=${name}` })
  const tokens = context.informers.of(secrets, {
    namespace: bootstrapNamespace,
    fieldSelector: `type=${bootstrapTokenType}`,
  })
  return {
    name: 'bootstrap-signer',
    queue: 'bootstrap_signer_queue',
    // Its bootstrap roles are those of kube-public and kube-system.
    permissions: [],
    watch(on) {
      on(maps, () => [name])
      on(tokens, () => [name])
    },
    async reconcile(_key, signal) {
      const map = maps.get(`${namespace}/${name}`)
      if (map === undefined) return
      const data = planSignatures(map, tokens.list(), clock.now())
      if (data !== undefined) await unlessGone(client.update(configMaps, { ...map, data }, { signal }))
    },
  }
}

/** The data with a signature for each token that is good for signing; undefined when it has them. */
export function planSignatures(
  { data = {} }: ConfigMap,
  tokens: readonly Secret[],
  now: number,
): Record<string, string> | undefined {
  const content = ownValue(data, 'kubeconfig')
  if (content === undefined) return undefined
  const wanted = Object.fromEntries(Object.entries(data).filter(([key]) => !key.startsWith(signaturePrefix)))
  for (const token of tokens) {
    const read = (key: string): string => Buffer.from(ownValue(token.data, key) ?? '', 'base64').toString()
    const [id, secret] = [read('token-id'), read('token-secret')]
    const isOver = (timeLeft(token, now) ?? 1) <= 0 || token.metadata.deletionTimestamp !== undefined
    if (isOver || read('usage-bootstrap-signing') !== 'true' || !/^[a-z0-9]{6}$/.test(id) || secret === '') continue
    wanted[signaturePrefix + id] = sign(content, id, secret)
  }
  return sameJson(wanted, data) ? undefined : wanted
}

/** A signature (RFC 7515, HS256) without what it signs: that stands beside it. */
function sign(content: string, id: string, secret: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url')
  const signed = `${header}.${Buffer.from(content).toString('base64url')}`
  return `${header}..${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
