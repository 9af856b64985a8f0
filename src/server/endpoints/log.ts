import type { Pod } from '#api/core/v1/pod.ts'
import { badRequest, failure, internalError, invalid } from '#machinery/status.ts'
import { createReport, problemCauses } from '#machinery/validate/report.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { parseFlag, parseInteger, type Query } from '../options.ts'
import type { ServerReply } from '../request.ts'
import { containerOf } from './containers.ts'
import { readObject } from './read.ts'

const text = 'text/plain'
/** What is read of a kubelet's refusal. */
const largestRefusal = 4_096

/** What a container wrote, from the node on which it runs. */
export async function logEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, request, info } = exchange
  const query = logQuery(request.query)
  const pod = (await readObject(exchange, kind)).object as Pod
  const container = containerOf(pod, request.query.get('container') ?? '')
  const node = pod.spec.nodeName ?? ''
  if (node === '') return { type: 'bytes', code: 200, contentType: text, bytes: Buffer.alloc(0) }
  const path = `/containerLogs/${info.namespace}/${info.name}/${container}${query === '' ? '' : `?${query}`}`
  const response = await server.nodes.request(node, { method: 'GET', path }, request.signal)
  if (response.status === 200) return { type: 'stream', code: 200, contentType: text, pieces: response.body }
  const refusal = (await response.readBody(largestRefusal)).toString('utf8').trim()
  if (response.status === 400) throw badRequest(refusal)
  if (response.status === 404) {
    throw failure(
      'NotFound',
      `the server could not find the requested resource ( ${kind.resource.plural} ${info.name})`,
      {
        name: info.name,
        kind: kind.resource.plural,
        causes: [{ reason: 'UnexpectedServerResponse', message: refusal }],
      },
    )
  }
  throw internalError(refusal)
}

/** The options of a log, checked, as the kubelet takes them. */
function logQuery(query: Query): string {
  const { report, problems } = createReport()
  const result = new URLSearchParams()
  for (const flag of ['follow', 'previous', 'timestamps']) {
    if (parseFlag(query, flag) === true) result.set(flag, 'true')
  }
  const atLeast = (name: string, least: number, message: string): void => {
    const value = parseInteger(query, name)
    if (value === undefined) return
    if (value < least) report.at(name).invalid(value, message)
    else result.set(name, String(value))
  }
  atLeast('tailLines', 0, 'must be greater than or equal to 0')
  atLeast('limitBytes', 1, 'must be greater than 0')
  atLeast('sinceSeconds', 1, 'must be greater than 0')
  const since = query.get('sinceTime') ?? ''
  if (since !== '') {
    if (result.has('sinceSeconds')) report.forbidden('at most one of `sinceTime` or `sinceSeconds` may be specified')
    if (Number.isNaN(Date.parse(since))) {
      throw badRequest(
        `parsing time ${JSON.stringify(since)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(since)} as "2006"`,
      )
    }
    result.set('sinceTime', since)
  }
  const stream = query.get('stream') ?? ''
  if (stream !== '' && !['All', 'Stdout', 'Stderr'].includes(stream)) {
    report.at('stream').notSupported(stream, ['All', 'Stdout', 'Stderr'])
  } else if (stream === 'Stdout' || stream === 'Stderr') {
    if (result.has('tailLines')) report.forbidden('`tailLines` and specific `stream` are mutually exclusive for now')
    result.set('stream', stream)
  }
  if (problems.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, '', problemCauses(problems))
  return result.toString()
}
