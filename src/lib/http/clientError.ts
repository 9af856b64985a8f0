/** Why a request got no answer. */

export type ClientProblem =
  | 'refused'
  | 'unreachable'
  | 'unknownHost'
  | 'certificate'
  | 'timeout'
  | 'closed'
  | 'tooLarge'
  | 'protocol'

/** No answer came, or only part of it. `problem` says of which kind, `message` exactly what happened. */
export class HttpClientError extends Error {
  override readonly name = 'HttpClientError'
  readonly problem: ClientProblem

  constructor(problem: ClientProblem, message: string, options?: ErrorOptions) {
    super(message, options)
    this.problem = problem
  }
}

const problems: Readonly<Record<string, ClientProblem>> = {
  ECONNREFUSED: 'refused',
  ENOENT: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ENOTFOUND: 'unknownHost',
  EAI_AGAIN: 'unknownHost',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  ECONNABORTED: 'closed',
  ERR_STREAM_PREMATURE_CLOSE: 'closed',
  ERR_HTTP2_STREAM_CANCEL: 'closed',
  ERR_HTTP2_STREAM_ERROR: 'closed',
  ERR_HTTP2_SESSION_ERROR: 'closed',
  ERR_HTTP2_GOAWAY_SESSION: 'closed',
  ERR_HTTP2_INVALID_SESSION: 'closed',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate',
}

/** OpenSSL's verification results that node uses as error codes. */
const certificateCode =
  /^(UNABLE_TO_|CERT_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERR_SSL_TLSV1?_?\d*_ALERT_(UNKNOWN_CA|BAD_CERTIFICATE))/

/** Turns what node throws into one precise error; `what` is the request, such as `GET https://127.0.0.1:6443/version`. */
export function describeClientError(what: string, error: unknown): HttpClientError {
  if (error instanceof HttpClientError) return error
  // Several addresses were tried: the first failure says most.
  const first = error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error
  const { code = '', message = String(first) } = first as NodeJS.ErrnoException
  const problem = problems[code] ?? (certificateCode.test(code) ? 'certificate' : 'protocol')
  return new HttpClientError(problem, `${what}: ${message}`, { cause: error })
}
