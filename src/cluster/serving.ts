import type { Component } from '#lib/component.ts'
import { stackOf } from '#lib/errorText.ts'
import { HttpServer, type TlsIdentity } from '#lib/http/server.ts'
import type { Logger } from '#lib/log.ts'
import { addProcessMetrics } from '#lib/metrics.ts'
import { httpHandler } from '#server/http.ts'
import type { ApiServer } from '#server/server.ts'

export interface ServingOptions {
  readonly server: ApiServer
  readonly tls: TlsIdentity
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly log: Logger
  /** How long requests that are under way may take when the server stops, in milliseconds; 5 seconds when absent. */
  readonly drain?: number
  /** What a person can do about an address that cannot be listened on; ends the message. */
  readonly advice?: string
  /** Told where the server listens, before it is ready; what it shows and whom it believes can be changed from then on. */
  readonly onListening?: (port: number, setIdentity: (tls: TlsIdentity) => void) => void
}

/**
 * Listens while the server's cache is filled and its first roles are written, so that a connection costs nobody time when
 * they are there. Requests wait for that: whoever gets a connection gets answers.
 */
export function servingComponent(options: ServingOptions): Component {
  const { server, tls, host, port, log, drain = 5_000, advice, onListening } = options
  const handshakeErrors = server.metrics.counter({
    name: 'apiserver_tls_handshake_errors_total',
    help: "Number of requests dropped with 'TLS handshake error from' error",
  })
  addProcessMetrics(server.metrics, server.now() - process.uptime() * 1_000)
  return {
    name: 'api-server',
    needs: ['store'],
    async run(ready, signal) {
      const filled = Promise.withResolvers<void>()
      const served = Promise.withResolvers<void>()
      let isServing = false
      const serve = (): void => {
        isServing = true
        served.resolve()
      }
      const handler = httpHandler(server)
      const http = new HttpServer({
        handler: (request, reply) =>
          isServing ? handler(request, reply) : served.promise.then(() => handler(request, reply)),
        tls,
        onConnectionError: (problem) => {
          if (problem.startsWith('TLS')) handshakeErrors.inc()
        },
        onError: (error) => log.error('A bug in a connection', { error: stackOf(error) }),
      })
      const listen = async (): Promise<void> => {
        const at = await http.listen({ host, port }).catch((error: Error) => {
          throw advice === undefined ? error : new Error(`${error.message}; ${advice}`)
        })
        onListening?.(at.port, (identity) => http.setCertificate(identity))
      }
      // Watches have ended by then; a client that keeps its connection and says nothing is not waited for.
      const close = (): Promise<void> => {
        serve()
        return http.close(AbortSignal.timeout(drain))
      }
      const isFilled = (): void => {
        serve()
        filled.resolve()
      }
      const listening = listen()
      const running = server.run(isFilled, signal, close)
      try {
        await Promise.race([running, Promise.all([listening, filled.promise]).then(ready)])
        await running
      } finally {
        await close()
      }
    },
  }
}
