// The data plane in Node passes the suite of all data planes.
import { silentLogger } from '#lib/log.ts'
import { startNodeDataPlane } from '#ingress/node/thread.ts'
import { testDataPlane } from './ingressDataPlane.ts'

testDataPlane((listen, limits) => startNodeDataPlane({ listen, limits, logger: silentLogger }), {
  removesNamedHeaders: true,
  mends: new Set(),
})
