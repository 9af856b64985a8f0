/** A cluster without containers that kubectl can reach: everything in this process, behind TLS, in time that goes with ours. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodes } from '#api/core/v1/node.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { HttpServer } from '#lib/http/server.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { httpHandler } from '#server/http.ts'
import { plainBehaviour, type ContainerBehaviour } from '#simulation/behaviour.ts'
import type { SimulatedNodeSpec } from '#simulation/simulatedNode.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'

/** A cluster that is being played. Disposing it rejects when a part of it failed or the server had a bug. */
export interface PlayedCluster extends AsyncDisposable {
  readonly cluster: SimulatedCluster
  /** Of its administrator. */
  readonly kubeconfig: string
  /** A folder that goes with the cluster. */
  readonly folder: string
}

const controlPlane = 'control-plane'
const roleLabel = 'node-role.kubernetes.io/control-plane'

/** The nodes that `k8ts up` makes unless told otherwise, by name, role and taint. */
const nodeSpecs: readonly SimulatedNodeSpec[] = [controlPlane, 'worker', 'worker2', 'worker3'].map((name, index) => ({
  name,
  address: `198.18.0.${index + 1}`,
  ...(name === controlPlane ? { taints: [{ key: roleLabel, effect: 'NoSchedule' }] } : {}),
}))

/** Nothing ends at once, so that what is being deleted can be seen. */
const habits: ContainerBehaviour = { ...plainBehaviour, stopAfter: 3000 }
const stepMs = 20

/** Starts a cluster of four simulated nodes, as `k8ts up` makes with containers. */
export async function playCluster(): Promise<PlayedCluster> {
  await using stack = new AsyncDisposableStack()
  const clock = new SimulatedClock(Date.now())
  const cluster = stack.use(await simulatedCluster({ clock, nodes: nodeSpecs, tell: 'everything', habits }))
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-played-'))
  stack.defer(() => rmSync(folder, { recursive: true }))
  // Nodes may not give themselves roles.
  const role = { type: 'merge', body: { metadata: { labels: { [roleLabel]: '' } } } } as const
  await cluster.client.patch(nodes, { name: controlPlane }, role)
  const { identity, kubeconfig } = credentials()
  const http = new HttpServer({ handler: httpHandler(cluster.server), tls: identity })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  stack.defer(() => http.close(AbortSignal.abort()))
  const path = join(folder, 'kubeconfig')
  writeFileSync(path, kubeconfig(`https://127.0.0.1:${port}`))
  const stop = new AbortController()
  const running = runClock(clock, stop.signal)
  stack.defer(async () => {
    stop.abort()
    await running
  })
  const kept = stack.move()
  return { cluster, kubeconfig: path, folder, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function runClock(clock: SimulatedClock, signal: AbortSignal): Promise<void> {
  const offset = clock.now() - performance.now()
  while (!signal.aborted) {
    await clock.advance(Math.max(0, Math.round(offset + performance.now()) - clock.now()))
    await sleep(stepMs)
  }
}

/** A server's identity, and the kubeconfig of who may do everything. */
function credentials() {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authority = createAuthority({ commonName: 'kubernetes' }, validity)
  const issue = (
    subject: { commonName: string; organizations?: string[] },
    usage: 'serverAuth' | 'clientAuth',
    addresses: readonly string[],
  ) => {
    const { publicKey, privateKey } = generateKey()
    const issued = issueCertificate(authority, { subject, publicKey, extendedUsages: [usage], addresses, ...validity })
    return { certificate: certificatePem(issued), key: privateKeyPem(privateKey) }
  }
  const clientAuthority = certificatePem(authority.certificate)
  const identity = { ...issue({ commonName: 'kube-apiserver' }, 'serverAuth', ['127.0.0.1']), clientAuthority }
  const admin = issue({ commonName: 'kubernetes-admin', organizations: ['system:masters'] }, 'clientAuth', [])
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const kubeconfig = (server: string): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'k8ts', cluster: { server, 'certificate-authority-data': base64(clientAuthority) } }],
      users: [
        {
          name: 'k8ts',
          user: { 'client-certificate-data': base64(admin.certificate), 'client-key-data': base64(admin.key) },
        },
      ],
      contexts: [{ name: 'k8ts', context: { cluster: 'k8ts', user: 'k8ts' } }],
      'current-context': 'k8ts',
    })
  return { identity, kubeconfig }
}
