import type { CertificateSigningRequest } from '#api/certificates/v1/certificateSigningRequest.ts'
import { readCertificates, validityOf } from '#lib/pki/certificate.ts'
import { millisecondsOf } from '#machinery/time.ts'

const hour = 3_600_000
const keptPending = 24 * hour
const keptDecided = hour

/** From when on nobody needs a request any more, in milliseconds since the epoch; undefined while that is open. */
export function endOfUse({ metadata, status }: CertificateSigningRequest): number | undefined {
  const { conditions = [], certificate = '' } = status ?? {}
  const created = millisecondsOf(metadata.creationTimestamp)
  if (conditions.length === 0) return created === undefined ? undefined : created + keptPending
  const ends = conditions.flatMap(({ type, lastUpdateTime }) => {
    const isOver = type === 'Denied' || type === 'Failed' || (type === 'Approved' && certificate !== '')
    const since = isOver ? millisecondsOf(lastUpdateTime) : undefined
    return [
      ...(since === undefined ? [] : [since + keptDecided]),
      ...(type === 'Approved' && certificate !== '' ? endOf(certificate) : []),
    ]
  })
  return ends.length === 0 ? undefined : Math.min(...ends)
}

/** When the first certificate of a request's answer ends; nothing for one that cannot be read. */
function endOf(certificate: string): readonly number[] {
  try {
    return [validityOf(readCertificates(Buffer.from(certificate, 'base64').toString('latin1'))[0]!).notAfter]
  } catch {
    return []
  }
}
