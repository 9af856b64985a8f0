// The data plane in Node passes the suite of all data planes.
import { silentLogger } from '#lib/log.ts'
import { startNodeDataPlane } from '#ingress/node/thread.ts'
import { testDataPlane } from './ingressDataPlane.ts'

testDataPlane((listen, limits) => startNodeDataPlane({ listen, limits, logger: silentLogger }), {
  passwords: new Set(['apr1', 'md5', 'sha1', 'ssha', 'plain', 'sha256', 'sha512']),
  removesNamedHeaders: true,
  mends: new Set(),
})
