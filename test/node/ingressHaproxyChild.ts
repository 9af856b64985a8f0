// A process that serves with HAProxy until it is killed: PROGRAM FOLDER HTTP-PORT HTTPS-PORT BACKEND-PORT [ends-with-us].
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { silentLogger } from '#lib/log.ts'
import { haproxyDataPlane } from '#ingress/haproxy/dataPlane.ts'
import { pool, route, routing, serverAt, to } from './ingressDataPlaneFixture.ts'

const [program, folder, ...ports] = process.argv.slice(2)
const [http, https, backend] = ports.slice(0, 3).map(Number) as [number, number, number]
const listen = (port: number) => [{ address: '127.0.0.1', port }]
const plane = await haproxyDataPlane({
  endsWithUs: ports[3] === 'ends-with-us',
  folder: folder!,
  program: program!,
  listen: { http: listen(http), https: listen(https) },
  host: systemHost(systemClock),
  log: silentLogger,
  threads: 2,
})
await plane.apply(routing([route({}, to('p'))], [pool('p', [serverAt(backend)])]))
process.stdout.write('serving\n')
await systemClock.sleep(600_000)
