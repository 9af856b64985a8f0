// Asking servers outside: admission webhooks, conversion webhooks. They may hang, lie, redirect or answer without end;
// every call is bounded in time and size, redirects are not followed, and what went wrong is told as Kubernetes does.
import type { WebhookClientConfig } from '#api/admissionregistration/v1/webhook.ts'
import type { Clock } from '#lib/clock.ts'
import { HttpClient, type ClientRequestOptions, type HttpResponse } from '#lib/http/client.ts'
import { HttpClientError } from '#lib/http/clientError.ts'
import type { ClusterView } from '../admission/chain.ts'
import { serviceEndpoint } from './serviceEndpoint.ts'
import { answerProblem } from './answerProblem.ts'
import { connectionProblem } from '#lib/http/connectionProblem.ts'

export interface WebhookCall {
  readonly config: WebhookClientConfig
  /** Sent as JSON. */
  readonly body: object
  readonly timeoutMs: number
  readonly cluster: ClusterView
}

/** Asks webhooks. */
export interface WebhookCaller extends Disposable {
  /** Posts the body and resolves with the JSON of the answer. Rejects with an Error whose message says what went wrong. */
  call(call: WebhookCall): Promise<unknown>
}

/** The largest answer that is read, in bytes: as large as the largest request. */
const largestAnswer = 3 * 1024 * 1024
/** Of an answer that is a refusal, so much is shown. */
const shownOfRefusal = 2_048
/** Servers whose connections are kept. */
const mostClients = 200

interface Target {
  /** Where to connect. */
  readonly url: string
  readonly path: string
  readonly host: string
  readonly serverName?: string
  /** As messages name it. */
  readonly shown: string
}

/** Calls over connections that are kept for the next one. */
export function createWebhookCaller({ clock }: { readonly clock: Clock }): WebhookCaller {
  const clients = new Map<string, HttpClient>()
  const clientFor = ({ url, serverName }: Target, caBundle: string | undefined): HttpClient => {
    const key = JSON.stringify([url, serverName, caBundle])
    const known = clients.get(key)
    // The one asked longest ago stands first.
    clients.delete(key)
    const client =
      known ??
      new HttpClient({
        url,
        protocol: 'h1',
        userAgent: 'kube-apiserver-admission',
        clock,
        tls: {
          ...(caBundle === undefined ? {} : { authority: Buffer.from(caBundle, 'base64').toString('utf8') }),
          ...(serverName === undefined ? {} : { serverName }),
        },
      })
    clients.set(key, client)
    for (const [oldest, old] of clients) {
      if (clients.size <= mostClients) break
      clients.delete(oldest)
      old.close()
    }
    return client
  }
  return {
    async call({ config, body, timeoutMs, cluster }) {
      const bytes = Buffer.from(JSON.stringify(body))
      const shown = `Post ${JSON.stringify(`${shownUrl(config)}?timeout=${Math.ceil(timeoutMs / 1_000)}s`)}`
      const late = new AbortController()
      const timer = clock.after(timeoutMs, () =>
        late.abort(new DOMException('context deadline exceeded', 'TimeoutError')),
      )
      try {
        const target = findTarget(config, cluster)
        const client = clientFor(target, config.caBundle)
        const response = await post(client, {
          method: 'POST',
          path: `${target.path}?timeout=${Math.ceil(timeoutMs / 1_000)}s`,
          headers: { host: target.host, accept: 'application/json, */*', 'content-type': 'application/json' },
          body: bytes,
          signal: late.signal,
        })
        return await readAnswer(response, late.signal)
      } catch (error) {
        if (error instanceof AnswerError) throw error
        const why = late.signal.aborted ? 'context deadline exceeded' : connectionProblem(error)
        throw new Error(`${shown}: ${why}`, { cause: error })
      } finally {
        timer[Symbol.dispose]()
      }
    },
    [Symbol.dispose]() {
      for (const client of clients.values()) client.close()
      clients.clear()
    },
  }
}

/** A kept connection may end just when it is used again; webhooks must bear being asked twice. */
async function post(client: HttpClient, request: ClientRequestOptions): Promise<HttpResponse> {
  try {
    return await client.request(request)
  } catch (error) {
    if (!(error instanceof HttpClientError) || error.problem !== 'closed') throw error
    return client.request(request)
  }
}

/** There was an answer, and it is no good. */
class AnswerError extends Error {}

async function readAnswer(response: HttpResponse, signal: AbortSignal): Promise<unknown> {
  const isGood = response.status >= 200 && response.status <= 206
  let bytes: Buffer
  try {
    bytes = await response.readBody(largestAnswer)
  } catch (error) {
    response.discard()
    if (signal.aborted || !(error instanceof HttpClientError) || error.problem !== 'tooLarge') throw error
    throw new AnswerError(`the answer is larger than ${largestAnswer} bytes`)
  }
  if (!isGood) {
    const text = bytes.subarray(0, shownOfRefusal).toString('utf8').trim()
    throw new AnswerError(answerProblem(response.status, text))
  }
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch {
    throw new AnswerError(`couldn't get version/kind; json parse error: the answer is not JSON`)
  }
}

function shownUrl({ url, service }: WebhookClientConfig): string {
  if (url !== undefined) return url
  if (service === undefined) return ''
  const { name, namespace, port = 443, path = '' } = service
  return `https://${name}.${namespace}.svc:${port}${rooted(path)}`
}

function rooted(path: string): string {
  return path === '' || path.startsWith('/') ? path : `/${path}`
}

function findTarget(config: WebhookClientConfig, cluster: ClusterView): Target {
  const shown = shownUrl(config)
  const { service } = config
  if (service !== undefined) {
    const { namespace, name, port = 443, path = '' } = service
    const found = serviceEndpoint(cluster, namespace, name, port)
    const host = found.address.includes(':') ? `[${found.address}]` : found.address
    const serverName = `${name}.${namespace}.svc`
    return {
      url: `https://${host}:${found.port}`,
      path: rooted(path),
      host: `${serverName}:${port}`,
      serverName,
      shown,
    }
  }
  if (config.url === undefined) throw new Error('webhook configuration must have either service or URL')
  const { protocol, origin, host, pathname } = new URL(config.url)
  if (protocol !== 'https:') throw new Error(`unsupported protocol scheme ${JSON.stringify(protocol.slice(0, -1))}`)
  return { url: origin, path: pathname, host, shown }
}
