/** How the parts of a control plane are: for `kubectl get componentstatuses`. */
import { messageOf } from '#lib/errorText.ts'
import { HttpClientError } from '#lib/http/clientError.ts'
import { HttpClient } from '#lib/http/client.ts'
import type { PartChecks } from '#resources/core/componentStatus.ts'
import { storeProblem } from '#server/health.ts'
import type { Store } from '#storage/store.ts'

/** Of a control plane in one process, in which these components are ready. */
export function partChecksOfProcess(ready: ReadonlySet<string>, store: () => Store): PartChecks {
  const check = (component: string) => (): string | undefined =>
    ready.has(component) ? undefined : `"${component}" of this process is not ready`
  return {
    'controller-manager': check('controllers'),
    'etcd-0': () => storeProblem(store()),
    scheduler: check('scheduler'),
  }
}

/** Where kube-controller-manager and kube-scheduler tell how they are; an API server that is alone looks on its own machine. */
const healthPorts = { 'controller-manager': 10_257, scheduler: 10_259 } as const

/** Of an API server alone, beside which others run. */
export function partChecksOfMachine(
  store: () => Store,
  ports: Readonly<Record<keyof typeof healthPorts, number>> = healthPorts,
): PartChecks {
  return {
    'controller-manager': () => problemAt(ports['controller-manager']),
    'etcd-0': () => storeProblem(store()),
    scheduler: () => problemAt(ports.scheduler),
  }
}

const patienceMs = 5_000

/** What is wrong by the answer of a health check; their certificates are their own. */
async function problemAt(port: number): Promise<string | undefined> {
  const url = `https://127.0.0.1:${port}`
  const client = new HttpClient({ url, tls: { insecure: true }, protocol: 'h1', connectTimeout: patienceMs })
  try {
    const answer = await client.request({ path: '/healthz', signal: AbortSignal.timeout(patienceMs) })
    const text = (await answer.readBody(10_000)).toString().trim()
    return answer.status >= 200 && answer.status < 400 ? undefined : text || `HTTP status ${answer.status}`
  } catch (error) {
    const isRefused = error instanceof HttpClientError && error.problem === 'refused'
    const why = isRefused ? `dial tcp 127.0.0.1:${port}: connect: connection refused` : messageOf(error)
    return `Get "${url}/healthz": ${why}`
  } finally {
    client.close()
  }
}
