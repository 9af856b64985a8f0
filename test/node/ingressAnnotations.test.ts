// Both data planes do what annotations say.
import { mkdtemp } from 'node:fs/promises'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { silentLogger } from '#lib/log.ts'
import { haproxyDataPlane } from '#ingress/haproxy/dataPlane.ts'
import { startNodeDataPlane } from '#ingress/node/thread.ts'
import { testAnnotations } from './ingressAnnotations.ts'

const host = systemHost(systemClock)

testAnnotations('HAProxy', async (listen, { headersTimeout }) =>
  haproxyDataPlane({
    folder: await mkdtemp('/tmp/haproxy-'),
    program: '/usr/sbin/haproxy',
    listen,
    host,
    log: silentLogger,
    headersTimeout,
  }),
)
testAnnotations('Node', (listen, limits) => startNodeDataPlane({ listen, limits, logger: silentLogger }))
