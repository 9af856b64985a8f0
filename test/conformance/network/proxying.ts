/** The API server leads requests on to pods and services. */
import assert from 'node:assert/strict'
import { configMaps } from '#api/core/v1/configMap.ts'
import { pods } from '#api/core/v1/pod.ts'
import { waitFor } from '#client/waitFor.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { namespace, type NetworkTest, type Stage } from './stage.ts'

/** nginx that says what it was asked: over HTTP on one port, over TLS on another. */
const configuration = `
server {
  listen 8080;
  listen 8443 ssl;
  ssl_certificate /etc/nginx/conf.d/tls.crt;
  ssl_certificate_key /etc/nginx/conf.d/tls.key;
  location / { return 200 "$scheme $request_method $request_uri"; }
}`

/** Starts such a pod with a service of the same name, and waits until it is ready. */
async function startEcho(stage: Stage, name: string): Promise<void> {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authority = createAuthority({ commonName: 'echo' }, validity)
  const { publicKey, privateKey } = generateKey()
  const usage = { extendedUsages: ['serverAuth' as const], dnsNames: [name] }
  const issued = issueCertificate(authority, { subject: { commonName: name }, publicKey, ...usage, ...validity })
  await stage.client.create(configMaps, {
    metadata: { name, namespace },
    data: {
      'default.conf': configuration,
      'tls.crt': certificatePem(issued),
      'tls.key': privateKeyPem(privateKey),
    },
  })
  await stage.client.create(pods, {
    metadata: { name, namespace, labels: { echo: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'nginx',
          image: 'nginx:alpine',
          ports: [
            { name: 'plain', containerPort: 8080 },
            { name: 'secure', containerPort: 8443 },
          ],
          readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
          volumeMounts: [{ name: 'configuration', mountPath: '/etc/nginx/conf.d' }],
        },
      ],
      volumes: [{ name: 'configuration', configMap: { name } }],
    },
  })
  await stage.serve(name, {
    selector: { echo: name },
    ports: [
      { name: 'first', port: 80, targetPort: 'plain', protocol: 'TCP' },
      { name: 'second', port: 81, targetPort: 8080, protocol: 'TCP' },
      { name: 'third', port: 443, targetPort: 'secure', protocol: 'TCP' },
    ],
  })
  const signal = AbortSignal.timeout(60_000)
  await waitFor(
    stage.client,
    pods,
    { name, namespace },
    (pod) => pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
    { signal },
  )
}

async function ask({ http }: Stage, path: string, method = 'GET'): Promise<string> {
  const response = await http.request({ method, path: `/api/v1/namespaces/${namespace}${path}` })
  const body = (await response.readBody(64 * 1024)).toString()
  return `${response.status} ${body}`
}

const comesToSay = (stage: Stage, path: string, expected: string, method?: string) =>
  stage.until(async () => (await ask(stage, path, method)) === expected)

const methods = ['DELETE', 'OPTIONS', 'PATCH', 'POST', 'PUT']

/** Every method arrives at the pod and at the service as it was sent; HEAD has no body. */
const everyMethod = (name: string, path: string, seen: string): NetworkTest['run'] =>
  async function run(stage) {
    await startEcho(stage, name)
    const places = [`/pods/${name}:8080/proxy${path}`, `/services/${name}:first/proxy${path}`]
    for (const place of places) {
      await comesToSay(stage, place, `200 http GET ${seen}`)
      for (const method of methods) assert.equal(await ask(stage, place, method), `200 http ${method} ${seen}`)
      assert.equal(await ask(stage, place, 'HEAD'), '200 ')
    }
  }

export const proxyTests: readonly NetworkTest[] = [
  {
    name: '[sig-network] Proxy version v1 should proxy through a service and a pod',
    async run(stage) {
      const name = 'echo-ports'
      await startEcho(stage, name)
      const plain = [`pods/${name}:8080`, `pods/http:${name}:8080`]
      const ports = [`${name}:first`, `${name}:second`, `${name}:80`, `${name}:81`]
      plain.push(...ports.flatMap((port) => [`services/${port}`, `services/http:${port}`]))
      const secure = [`pods/https:${name}:8443`, `services/https:${name}:third`, `services/https:${name}:443`]
      for (const place of plain) await comesToSay(stage, `/${place}/proxy/a?b=c`, '200 http GET /a?b=c')
      for (const place of secure) await comesToSay(stage, `/${place}/proxy/a?b=c`, '200 https GET /a?b=c')
      // What a node's agent serves is reached in the same way.
      const [server] = stage.servers
      const health = await stage.http.request({ path: `/api/v1/nodes/${server!.node}/proxy/healthz` })
      assert.deepEqual([health.status, (await health.readBody(100)).toString()], [200, 'ok\n'])
    },
  },
  {
    name: '[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service ProxyWithPath',
    run: everyMethod('echo-path', '/some/path/with/methods', '/some/path/with/methods'),
  },
  {
    name: '[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service Proxy',
    run: everyMethod('echo-bare', '?method=any', '/?method=any'),
  },
]
