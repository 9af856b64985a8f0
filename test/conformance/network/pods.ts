/** Pods reach each other, and nodes reach pods. */
import { nodes } from '#api/core/v1/node.ts'
import { httpPort, udpPort, type LookOptions, type NetworkTest, type Stage } from './stage.ts'

const eachAnswers =
  (protocol: 'http' | 'udp', where: (stage: Stage) => LookOptions) =>
  async (stage: Stage): Promise<void> => {
    const asks = stage.servers.map(({ name, ip }) =>
      protocol === 'http'
        ? `retry says ${name} http http://${ip}:${httpPort}/`
        : `retry says ${name} udp ${ip} ${udpPort}`,
    )
    await stage.look(asks.join('\n'), where(stage))
  }

const fromPod = (): LookOptions => ({})
const fromNode = ({ servers }: Stage): LookOptions => ({ hostNetwork: true, node: servers[0]!.node })

export const podTests: readonly NetworkTest[] = [
  {
    name: '[sig-network] Networking Granular Checks: Pods should function for intra-pod communication: http',
    run: eachAnswers('http', fromPod),
  },
  {
    name: '[sig-network] Networking Granular Checks: Pods should function for intra-pod communication: udp',
    run: eachAnswers('udp', fromPod),
  },
  {
    name: '[sig-network] Networking Granular Checks: Pods should function for node-pod communication: http',
    run: eachAnswers('http', fromNode),
  },
  {
    name: '[sig-network] Networking Granular Checks: Pods should function for node-pod communication: udp',
    run: eachAnswers('udp', fromNode),
  },
  {
    name: '[sig-network] HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol',
    async run(stage) {
      const { node } = stage.servers[1]!
      const hostPort = 54_323
      const nodeAddress = await addressOf(stage, node)
      const open = (name: string, hostIP: string, protocol: 'TCP' | 'UDP') =>
        stage.startServer(
          name,
          {},
          {
            nodeSelector: { 'kubernetes.io/hostname': node },
            containers: [
              protocol === 'TCP'
                ? {
                    name: 'http',
                    image: 'alpine/socat:1.7.4.4',
                    command: ['sh', '-c', 'mkdir /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www'],
                    ports: [{ containerPort: httpPort, hostPort, hostIP, protocol }],
                  }
                : {
                    name: 'udp',
                    image: 'alpine/socat:1.7.4.4',
                    command: ['socat', `UDP-RECVFROM:${udpPort},fork`, 'EXEC:hostname'],
                    ports: [{ containerPort: udpPort, hostPort, hostIP, protocol }],
                  },
            ],
          },
        )
      await open('port-1', '127.0.0.1', 'TCP')
      await open('port-2', nodeAddress, 'TCP')
      await open('port-3', nodeAddress, 'UDP')
      await stage.look(
        [
          `retry says port-1 http http://127.0.0.1:${hostPort}/`,
          `retry says port-2 http http://${nodeAddress}:${hostPort}/`,
          `retry says port-3 udp ${nodeAddress} ${hostPort}`,
        ].join('\n'),
        { hostNetwork: true, node },
      )
    },
  },
]

async function addressOf({ client }: Stage, node: string): Promise<string> {
  const { status } = await client.get(nodes, { name: node })
  return status!.addresses!.find(({ type }) => type === 'InternalIP')!.address
}
