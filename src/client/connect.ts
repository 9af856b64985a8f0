import { dirname, resolve } from 'node:path'
import { systemFiles, type Files } from '#lib/host/files.ts'
import { clientOver, type Client, type ClientOptions } from './client.ts'
import { httpsTransport } from './https.ts'
import { connectionOf, mergeKubeconfigs, parseKubeconfig, withFilesFrom, type Connection } from './kubeconfig.ts'

export interface ConnectOptions extends ClientOptions {
  /** A context of the kubeconfig; its current one when absent. */
  readonly context?: string
  readonly userAgent?: string
  /** The variables of this process unless told. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly files?: Pick<Files, 'readText'>
}

/** A client with connections of its own, which must be closed. */
export interface ConnectedClient extends Disposable {
  readonly client: Client
  /** Where to work when nothing else is said. */
  readonly namespace: string
}

/**
 * Connects to the cluster that this process belongs to, as kubectl and controllers in Go would: with the files of
 * `KUBECONFIG`, else as the service account of the pod that it runs in, else with `~/.kube/config`.
 */
export async function connect(options: ConnectOptions = {}): Promise<ConnectedClient> {
  const { options: server, namespace } = await findConnection(options)
  const transport = httpsTransport({
    ...server,
    ...(options.userAgent === undefined ? {} : { userAgent: options.userAgent }),
  })
  return {
    client: clientOver(transport, options),
    namespace,
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  }
}

/** Where the account of a pod is to be found in it. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/** How to connect, without connecting. Rejects with what is missing. */
export async function findConnection(options: ConnectOptions = {}): Promise<Connection> {
  const { environment = process.env, files = systemFiles, context } = options
  const named = (environment['KUBECONFIG'] ?? '').split(':').filter((path) => path !== '')
  const usual = resolve(environment['HOME'] ?? '/root', '.kube', 'config')
  if (named.length === 0 && context === undefined) {
    const account = await accountConnection(environment, files)
    if (account !== undefined) return account
  }
  const paths = named.length === 0 ? [usual] : named.map((path) => resolve(path))
  const texts = await Promise.all(paths.map((path) => files.readText(path)))
  const configs = texts.flatMap((text, index) => {
    if (text === undefined) return []
    const folder = dirname(paths[index]!)
    return [withFilesFrom(parseKubeconfig(text, paths[index]!), (file) => resolve(folder, file))]
  })
  if (configs.length === 0) {
    throw new Error(`Cannot find a cluster: there is no file ${paths.join(' or ')}; set KUBECONFIG to a kubeconfig`)
  }
  const readFile = async (path: string): Promise<string> => {
    const text = await files.readText(path)
    if (text === undefined) throw new Error(`there is no file ${path}, which the kubeconfig names`)
    return text
  }
  return connectionOf(mergeKubeconfigs(configs), readFile, context)
}

/** The connection of the pod that this process runs in; undefined outside of pods. */
async function accountConnection(
  environment: Readonly<Record<string, string | undefined>>,
  files: Pick<Files, 'readText'>,
): Promise<Connection | undefined> {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? ''
  const authority = host === '' ? undefined : await files.readText(`${accountFolder}/ca.crt`)
  if (authority === undefined) return undefined
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443'
  return {
    options: {
      url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      tls: { authority },
      // Read each time: the kubelet renews it.
      token: async () => (await files.readText(`${accountFolder}/token`))?.trim(),
    },
    namespace: (await files.readText(`${accountFolder}/namespace`))?.trim() || 'default',
  }
}
