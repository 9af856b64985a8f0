/** Services change their type, open ports of nodes, and keep clients at one pod. */
import assert from 'node:assert/strict'
import { services, type Service } from '#api/core/v1/service.ts'
import { httpPort, nameOf, namespace, type NetworkTest, type Stage } from './stage.ts'

const ports = [{ name: 'http', port: 80, targetPort: httpPort, protocol: 'TCP' as const }]

const change = ({ client }: Stage, name: string, spec: object): Promise<Service> =>
  client.patch(services, { name, namespace }, { type: 'merge', body: { spec } })

/** What a script finds at a service from a pod: by its name, its address, and at the node's port where there is one. */
function urlsOf({ nodeAddresses }: Stage, { metadata, spec }: Service): readonly string[] {
  const { nodePort } = spec.ports![0]!
  return [
    `http://${metadata.name}:80/`,
    `http://${spec.clusterIP}:80/`,
    ...(nodePort === undefined ? [] : nodeAddresses.map((address) => `http://${address}:${nodePort}/`)),
  ]
}

const answers = (url: string): string => `retry finds '^server-' http ${url}`

/** An alias leads to a service that answers, which is found under the alias' name. */
async function leadsTo(stage: Stage, name: string, target: string, ip: string): Promise<void> {
  await stage.look(
    [
      `retry finds 'canonical name = ${target}$' nslookup -type=cname ${nameOf(name)}`,
      `retry finds '^Address: ${ip}$' nslookup -type=a ${nameOf(name)}`,
      answers(`http://${name}/`),
    ].join('\n'),
  )
}

const fromAlias = (name: string, type: 'ClusterIP' | 'NodePort'): NetworkTest['run'] =>
  async function run(stage) {
    const spec = { type: 'ExternalName', externalName: 'example.com' } as const
    const made = await stage.client.create(services, { metadata: { name, namespace }, spec })
    assert.equal(made.spec.clusterIP, undefined)
    const changed = await change(stage, name, { type, externalName: null, selector: { app: 'servers' }, ports })
    assert.match(changed.spec.clusterIP!, /^10\./)
    assert.equal(changed.spec.ports![0]!.nodePort !== undefined, type === 'NodePort')
    await stage.look(urlsOf(stage, changed).map(answers).join('\n'))
  }

/** One of those that nobody gets who does not ask for it. */
const nodePort = 30_077

const toAlias = (name: string, type: 'ClusterIP' | 'NodePort'): NetworkTest['run'] =>
  async function run(stage) {
    const target = await stage.serve(`${name}-target`, { ports })
    const before = await stage.serve(name, { type, ports: type === 'NodePort' ? [{ ...ports[0]!, nodePort }] : ports })
    const spec = { type: 'ExternalName', externalName: nameOf(`${name}-target`), clusterIP: null, clusterIPs: null }
    const changed = await change(stage, name, spec)
    assert.equal(changed.spec.clusterIP, undefined)
    assert.equal(changed.spec.ports?.[0]?.nodePort, undefined)
    await leadsTo(stage, name, nameOf(`${name}-target`), target.spec.clusterIP!)
    if (type === 'ClusterIP') return
    // The port of the nodes is free again.
    assert.equal(before.spec.ports![0]!.nodePort, nodePort)
    await stage.serve(`${name}-next`, { type, ports: [{ ...ports[0]!, nodePort }] })
  }

/** Words for scripts: fifteen answers in a row of one pod, or of several. */
const counting = `
  ask() { for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do http "$1" || return 1; done | sort -u | grep -c .; }
  sticks() { [ "$(ask "$1")" = 1 ]; }
  spreads() { [ "$(ask "$1")" -gt 1 ]; }`

/** From several pods at once, each of which is one client. */
const affinity = (name: string, type: 'ClusterIP' | 'NodePort', switches: boolean): NetworkTest['run'] =>
  async function run(stage) {
    const service = await stage.serve(name, { type, ports, sessionAffinity: switches ? 'None' : 'ClientIP' })
    const urls = urlsOf(stage, service)
    const every = (word: string): string => [counting, ...urls.map((url) => `retry ${word} ${url}`)].join('\n')
    if (!switches) {
      await stage.look(every('sticks'))
      return
    }
    await stage.look(every('spreads'))
    const pinned = await change(stage, name, { sessionAffinity: 'ClientIP' })
    assert.equal(pinned.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds, 10_800)
    await stage.look(every('sticks'))
    await change(stage, name, { sessionAffinity: 'None', sessionAffinityConfig: null })
    await stage.look(every('spreads'))
  }

export const serviceTests: readonly NetworkTest[] = [
  {
    name: '[sig-network] Services should be able to change the type from ExternalName to ClusterIP',
    run: fromAlias('alias-to-cluster', 'ClusterIP'),
  },
  {
    name: '[sig-network] Services should be able to change the type from ExternalName to NodePort',
    run: fromAlias('alias-to-nodes', 'NodePort'),
  },
  {
    name: '[sig-network] Services should be able to change the type from ClusterIP to ExternalName',
    run: toAlias('cluster-to-alias', 'ClusterIP'),
  },
  {
    name: '[sig-network] Services should be able to change the type from NodePort to ExternalName',
    run: toAlias('nodes-to-alias', 'NodePort'),
  },
  {
    name: '[sig-network] Services should be able to create a functioning NodePort service',
    async run(stage) {
      const service = await stage.serve('nodeport', { type: 'NodePort', ports })
      await stage.look(urlsOf(stage, service).map(answers).join('\n'))
    },
  },
  {
    name: '[sig-network] Services should have session affinity work for service with type clusterIP',
    run: affinity('affinity-cluster', 'ClusterIP', false),
  },
  {
    name: '[sig-network] Services should have session affinity work for NodePort service',
    run: affinity('affinity-nodes', 'NodePort', false),
  },
  {
    name: '[sig-network] Services should be able to switch session affinity for service with type clusterIP',
    run: affinity('affinity-switched', 'ClusterIP', true),
  },
  {
    name: '[sig-network] Services should be able to switch session affinity for NodePort service',
    run: affinity('affinity-switched-nodes', 'NodePort', true),
  },
]
