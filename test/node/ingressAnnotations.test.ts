// Both data planes do what annotations say.
import { mkdtemp } from 'node:fs/promises'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { silentLogger } from '#lib/log.ts'
import { haproxyDataPlane } from '#ingress/haproxy/dataPlane.ts'
import { startNodeDataPlane } from '#ingress/node/thread.ts'
import { ensureProgram } from '../../tools/programs.ts'
import { testAnnotations } from './ingressAnnotations.ts'

const host = systemHost(systemClock)
const program = await ensureProgram('haproxy', 'haproxy', console.error)

testAnnotations('HAProxy', async (listen, { headersTimeout }) =>
  haproxyDataPlane({
    endsWithUs: true,
    folder: await mkdtemp('/tmp/haproxy-'),
    program,
    listen,
    host,
    log: silentLogger,
    headersTimeout,
  }),
)
testAnnotations('Node', (listen, limits) => startNodeDataPlane({ listen, limits, logger: silentLogger }))
