/**
 * A proxy as a process of its own, inside the namespace of a node, for tests that kill it or ask its ports: serves as many
 * services as its argument says, says "ready", and then changes the endpoints of many of them all the time. The service at
 * 10.96.0.7 stays as it is.
 */
import { FedProxy, httpPort, service, slice } from './proxyFixture.ts'

const count = Number(process.argv[2])
const addressOf = (second: number, index: number): string => `10.${second}.${index >> 8}.${index & 255}`
const many = Array.from({ length: count }, (_, index) => index)
const endpointsOf = (index: number, turn: number) =>
  slice(`s${index}`, [httpPort], addressOf(250, index), addressOf(251 + (turn % 2), index))

await using proxy = await FedProxy.start({
  services: [
    service('stable', { clusterIP: '10.96.0.7', ports: [{ port: 80 }] }),
    service('local', {
      clusterIP: '10.96.0.8',
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 32_000,
      ports: [{ port: 80, nodePort: 30_080 }],
    }),
    ...many.map((index) => service(`s${index}`, { clusterIP: addressOf(97, index), ports: [{ port: 80 }] })),
  ],
  slices: [
    slice('stable', [httpPort], '10.244.1.3'),
    slice('local', [httpPort], '10.244.1.3', '10.244.2.2'),
    ...many.map((index) => endpointsOf(index, 0)),
  ],
})
process.stdout.write('ready\n')
let turn = 0
const timer = setInterval(() => {
  turn++
  for (const index of many) if (index % 3 === turn % 3) proxy.set(endpointsOf(index, turn))
}, 20)
process.stdin.resume()
await new Promise((resolve) => process.stdin.once('end', resolve))
clearInterval(timer)
