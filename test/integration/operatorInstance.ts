// One instance of the example operator as a process: `operatorInstance.ts FOLDER IDENTITY PORT`, with a KUBECONFIG. It runs
// what examples/operator/main.ts runs, and writes down what its informers are sent and what they make of it.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { clientOver } from '#client/client.ts'
import { connect } from '#client/connect.ts'
import { runOperator, type Operator } from '#client/operator.ts'
import { servingCertificate } from '#client/servingCertificate.ts'
import type { Transport } from '#client/transport.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import type { KubeObject } from '#api/resource.ts'
import { deployments } from '#api/apps/v1/deployment.ts'
import { systemClock } from '#lib/clock.ts'
import { messageOf } from '#lib/errorText.ts'
import { StatusError } from '#machinery/status.ts'
import { openLedger } from '../../examples/operator/ledger.ts'
import { siteOperator } from '../../examples/operator/operator.ts'
import { ownSelector } from '../../examples/operator/plan.ts'
import { sites, type Site } from '../../examples/operator/site.ts'
import { lastSite, type OperatorRecord } from './operatorRecords.ts'

const [folder, identity, port] = process.argv.slice(2) as [string, string, string]
const file = join(folder, `records.${identity}`)
/** Written in one call, so that a killed process leaves whole lines. */
const write = (record: OperatorRecord): void => appendFileSync(file, `${JSON.stringify(record)}\n`)

/** What the loop writes; leases, events and secrets belong to every instance. */
const loopWrites = /\/(sites|configmaps|deployments)\//

function recording(transport: Transport): Transport {
  return {
    ...transport,
    send(request, signal) {
      const plural = loopWrites.exec(request.path)?.[1]
      if (request.method !== 'GET' && plural !== undefined) write({ was: 'write', plural, at: systemClock.now() })
      return transport.send(request, signal)
    },
    async *watch(request, signal) {
      const plural = request.path.split('/').at(-1)!
      const from = request.query?.['resourceVersion'] as string | undefined
      write({ was: 'watch', plural, ...(from === undefined ? {} : { from }) })
      try {
        for await (const batch of transport.watch(request, signal)) {
          for (const { type, object } of batch) {
            const initialEnd =
              type === 'BOOKMARK' && object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true'
            write({ was: 'event', plural, type, revision: object.metadata.resourceVersion!, initialEnd })
          }
          yield batch
        }
        write({ was: 'end', plural, reason: '' })
      } catch (error) {
        write({ was: 'end', plural, reason: error instanceof StatusError ? error.reason : messageOf(error) })
        throw error
      }
    },
  }
}

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
using cluster = await connect()
const client = clientOver(recording(cluster.client.transport), { fieldManager: 'site-operator' })
const secret = { namespace: 'default', name: 'site-operator-webhooks' }
const report = (problem: string, error: unknown): void => void process.stderr.write(`${problem}: ${messageOf(error)}\n`)
const certificate = await servingCertificate(client, { secret, addresses: ['127.0.0.1'], report }, stop.signal)
const ledger = await openLedger(join(folder, 'ledger'), identity)

/** On SIGUSR2 the next action waits on the brink: until the process was halted and goes on. */
let onTheBrink = false
process.on('SIGUSR2', () => (onTheBrink = true))

/** The same ledger, which tells how often a turn was there already and how often a leader was too late. */
const counted: typeof ledger = {
  async append(entry) {
    if (onTheBrink) {
      onTheBrink = false
      const goesOn = new Promise((resolve) => process.once('SIGCONT', resolve))
      process.stdout.write('on the brink\n')
      await goesOn
    }
    try {
      const came = await ledger.append(entry)
      write({ was: 'action', came, fence: entry.fence })
      process.stdout.write('acted\n')
      return came
    } catch (error) {
      write({ was: 'action', came: 'refused', fence: entry.fence })
      throw error
    }
  },
}
const example = siteOperator({ ledger: counted, webhooks: { host: '127.0.0.1', port: Number(port), certificate } })
/** The kinds of which the last object was seen as it stays. */
const complete = new Set<string>()
function sawLast(plural: string, object: KubeObject): void {
  const { metadata, status } = object as Site
  if (plural === sites.plural && status?.observedGeneration !== metadata.generation) return
  if (complete.add(plural).size === 3) process.stdout.write('saw the last site\n')
}

const operator: Operator = {
  ...example,
  controllers(context) {
    const own = { labelSelector: ownSelector }
    for (const [informer, { plural }] of [
      [context.informers.of(sites), sites],
      [context.informers.of(configMaps, own), configMaps],
      [context.informers.of(deployments, own), deployments],
    ] as const) {
      informer.onChange((change) => {
        const { name, resourceVersion: revision } = change.new?.metadata ?? {}
        write({ was: 'change', plural, ...(revision === undefined ? {} : { revision }), synced: informer.hasSynced })
        if (name === lastSite) sawLast(plural, change.new!)
      })
    }
    return example.controllers(context)
  },
}
await runOperator(
  operator,
  {
    client,
    election: {
      namespace: 'default',
      identity,
      leaseMilliseconds: 8_000,
      renewMilliseconds: 4_000,
      retryMilliseconds: 500,
      onLeader: () => process.stdout.write('leads\n'),
    },
    report,
  },
  stop.signal,
)
