import type { Clock } from '#lib/clock.ts'
import { messageOf } from '#lib/errorText.ts'
import type { ClusterView } from '../../admission/chain.ts'
import { connectionProblem } from '#lib/http/connectionProblem.ts'
import type { Backend, Way } from './backend.ts'
import { patienceMs } from './documents.ts'
import { identityHeaders } from './identity.ts'

interface Asking {
  readonly cluster: Pick<ClusterView, 'get' | 'random'>
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Some endpoints of a service may be ill: so many are asked at once, and one that is well is enough. */
const attempts = 5

/** Asks a server for the list of what its version serves. Resolves with why it has none, or nothing when all is well. */
export async function askForVersion(backend: Backend, asking: Asking): Promise<string | undefined> {
  const enough = new AbortController()
  const own = { ...asking, signal: AbortSignal.any([asking.signal, enough.signal]) }
  try {
    await Promise.any(Array.from({ length: attempts }, () => askOnce(backend, own)))
    return undefined
  } catch (error) {
    return messageOf((error as AggregateError).errors.at(-1))
  } finally {
    enough.abort()
  }
}

async function askOnce(backend: Backend, { cluster, clock, signal }: Asking): Promise<void> {
  // Whoever can pretend to be the server gains nothing by it: nobody is sent there before its certificate is checked.
  const way: Way = backend.way(cluster, true)
  const url = `${way.url}/apis/${backend.group}/${backend.version}`
  const fail = (why: string): never => {
    throw new Error(`failing or missing response from ${url}: ${why}`)
  }
  const late = new AbortController()
  const timer = clock.after(patienceMs, () => late.abort())
  const caller = { name: 'system:kube-aggregator', groups: ['system:masters'] }
  try {
    const response = await way.client.request({
      path: new URL(url).pathname,
      headers: identityHeaders(caller),
      signal: AbortSignal.any([signal, late.signal]),
    })
    // What it holds is read elsewhere, within bounds.
    response.discard()
    if (response.status < 200 || response.status > 299) fail(`bad status from ${url}: ${response.status}`)
  } catch (error) {
    if (late.signal.aborted) {
      fail(`Get ${JSON.stringify(url)}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`)
    }
    if (error instanceof Error && error.message.startsWith('failing or missing')) throw error
    fail(`Get ${JSON.stringify(url)}: ${connectionProblem(error)}`)
  } finally {
    timer[Symbol.dispose]()
  }
}
