// The data plane in Node passes the suite of all data planes.
import { lookup } from 'node:dns'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { startThread } from '#ingress/node/thread.ts'
import { testDataPlane } from './ingressDataPlane.ts'

testDataPlane((listen, limits) => startThread({ listen, limits, clock: systemClock, log: silentLogger, lookup }), {
  passwords: new Set(['apr1', 'md5', 'sha1', 'ssha', 'plain', 'sha256', 'sha512']),
  countsBodies: true,
})
