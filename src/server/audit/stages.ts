// Where the audit log meets the way of a request. Without one each of these is a comparison.
import { internalError } from '#machinery/status.ts'
import type { Exchange } from '../exchange.ts'
import type { ServerReply } from '../request.ts'
import { isLongRunning } from '../requestLimits.ts'
import type { Caller } from '../strategy.ts'
import type { Audit } from './audit.ts'
import type { AuditRecord } from './record.ts'

/** Begins the record of a request. Throws 500 when its first event cannot be kept: what is not noted does not happen. */
export function beginRecord(exchange: Exchange, caller: Caller | undefined): void {
  const { server, request, info, auditAnnotations } = exchange
  if (server.audit === undefined) return
  exchange.auditId = server.audit.idOf(request)
  const begun = server.audit.begin(request, info, caller, exchange.auditId, exchange.received, auditAnnotations)
  if (begun === undefined) return
  if (!begun.kept) throw internalError('failed to store audit event')
  exchange.audit = begun.record
}

/** Notes the reply, now or when it is over. The reply carries the id of the request. */
export function recordReply(exchange: Exchange, reply: ServerReply, audit: Audit): ServerReply {
  const { audit: record, server, request, info, auditId } = exchange
  const shown =
    auditId === '' || reply.type === 'taken' ? reply : { ...reply, headers: { ...reply.headers, 'audit-id': auditId } }
  if (record === undefined) return shown
  if (exchange.panic !== undefined) {
    record.failed(exchange.panic)
    audit.write(record, 'Panic')
    return shown
  }
  record.answered({ ...shown, wanted: exchange.wanted }, request.query, () => server.registry.clock.now())
  if (!isLongRunning(info)) {
    audit.write(record, 'ResponseComplete')
    return shown
  }
  audit.write(record, 'ResponseStarted')
  return untilOver(shown, record, audit)
}

/** A reply that writes the last event once it is over, however it ends. */
function untilOver(reply: ServerReply, record: AuditRecord, audit: Audit): ServerReply {
  const complete = (): void => void audit.write(record, 'ResponseComplete')
  if (reply.type === 'taken') {
    return {
      ...reply,
      async run() {
        using _ = { [Symbol.dispose]: complete }
        await reply.run()
      },
    }
  }
  if (reply.type === 'stream') return { ...reply, pieces: followed(reply.pieces, complete) }
  if (reply.type === 'watch') return { ...reply, watch: followed(reply.watch, complete) }
  complete()
  return reply
}

async function* followed<T>(items: AsyncIterable<T>, over: () => void): AsyncGenerator<T, void, void> {
  using _ = { [Symbol.dispose]: over }
  yield* items
}
