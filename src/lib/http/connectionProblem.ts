import { HttpClientError } from './clientError.ts'
import { messageOf } from '#lib/errorText.ts'

/** What a Go client would say of a connection that did not work. */
export function connectionProblem(error: unknown): string {
  if (!(error instanceof HttpClientError)) return messageOf(error)
  const {
    code = '',
    address = '',
    port = '',
    message,
  } = (error.cause ?? {}) as NodeJS.ErrnoException & {
    readonly address?: string
    readonly port?: number
  }
  const dial = `dial tcp ${address.includes(':') ? `[${address}]` : address}:${port}: connect`
  switch (error.problem) {
    case 'refused':
      return `${dial}: connection refused`
    case 'unreachable':
      return `${dial}: ${code === 'ENETUNREACH' ? 'network is unreachable' : 'no route to host'}`
    case 'certificate':
      return `tls: failed to verify certificate: x509: ${certificateProblem(code, message)}`
    case 'closed':
      return 'EOF'
    default:
      return message ?? error.message
  }
}

function certificateProblem(code: string, message = ''): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'certificate has expired or is not yet valid'
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return message
    default:
      return 'certificate signed by unknown authority'
  }
}
