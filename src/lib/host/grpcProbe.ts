/** One empty gRPC call over a unix socket: is the service behind it there and willing? */
import { connect as connectHttp2, constants } from 'node:http2'
import { connect } from 'node:net'

/** Whether `method` (such as `/runtime.v1.RuntimeService/Status`), called with an empty message, answers OK within `timeoutMs`. */
export function answersGrpc(socketPath: string, method: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connectHttp2('http://localhost', { createConnection: () => connect(socketPath) })
    let status: unknown
    const settle = (): void => {
      resolve(status === '0')
      session.destroy()
    }
    session.on('error', settle)
    const request = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: method,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    })
    request.on('response', (headers) => (status = headers['grpc-status']))
    request.on('trailers', (headers) => (status = headers['grpc-status']))
    request.on('error', settle)
    request.on('close', settle)
    request.setTimeout(timeoutMs, settle)
    request.resume()
    // Not compressed, length 0.
    request.end(Buffer.alloc(5))
  })
}
