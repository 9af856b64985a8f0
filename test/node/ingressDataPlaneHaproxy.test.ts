// The data plane of HAProxy passes the suite of all data planes.
import { mkdtemp } from 'node:fs/promises'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { silentLogger } from '#lib/log.ts'
import { haproxyDataPlane } from '#ingress/haproxy/dataPlane.ts'
import { ensureProgram } from '../../tools/programs.ts'
import { testDataPlane } from './ingressDataPlane.ts'

const host = systemHost(systemClock)
const program = await ensureProgram('haproxy', 'haproxy', console.error)

testDataPlane(
  async (listen, { headersTimeout }) =>
    haproxyDataPlane({
      endsWithUs: true,
      folder: await mkdtemp('/tmp/haproxy-'),
      program,
      listen,
      host,
      log: silentLogger,
      headersTimeout,
    }),
  {
    removesNamedHeaders: false,
    mends: new Set(['a length and chunks', 'a line that goes on']),
  },
)
