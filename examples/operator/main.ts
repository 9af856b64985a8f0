// node main.ts install     as an administrator, once
// node main.ts             as often as you like, side by side
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { connect, runOperator, servingCertificate } from 'k8ts/client'
import { install } from './install.ts'
import { openLedger } from './ledger.ts'
import { siteOperator } from './operator.ts'

/** `WEBHOOK_URL` is for operators that run outside of the cluster; inside, a service of this name leads to them. */
const { LEDGER: folder = 'ledger', WEBHOOK_URL: url, WEBHOOK_PORT: port = '9443' } = process.env

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

const report = (problem: string, error: unknown): void => console.error(`${problem}: ${String(error)}`)

using cluster = await connect({ fieldManager: 'site-operator' })
const { client, namespace } = cluster
const reached =
  url === undefined ? { dnsNames: [`site-operator.${namespace}.svc`] } : { addresses: [new URL(url).hostname] }
const secret = { namespace, name: 'site-operator-webhooks' }
const certificate = await servingCertificate(client, { secret, ...reached, report }, stop.signal)

if (process.argv[2] === 'install') {
  const caBundle = Buffer.from(certificate.authority).toString('base64')
  const service = (path: string) => ({ service: { namespace, name: 'site-operator', path }, caBundle })
  await install(client, url === undefined ? service : (path) => ({ url: url + path, caBundle }), stop.signal)
} else {
  const identity = `${hostname()}_${randomUUID()}`
  const ledger = await openLedger(folder, identity)
  const operator = siteOperator({ ledger, webhooks: { port: Number(port), certificate } })
  const onLeader = (): void => console.log(`${identity} leads`)
  await runOperator(operator, { client, election: { namespace, identity, onLeader }, report }, stop.signal)
}
