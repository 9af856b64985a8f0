import { parseDocument } from 'yaml'
import type { HttpsTransportOptions } from './https.ts'

/** The parts of a kubeconfig file that say how to reach a server and as whom. */
export interface Kubeconfig {
  readonly currentContext: string
  readonly contexts: ReadonlyMap<string, KubeconfigContext>
  readonly clusters: ReadonlyMap<string, KubeconfigCluster>
  readonly users: ReadonlyMap<string, KubeconfigUser>
}

export interface KubeconfigContext {
  readonly cluster: string
  readonly user: string
  readonly namespace?: string
}

export interface KubeconfigCluster {
  readonly server: string
  readonly 'certificate-authority'?: string
  readonly 'certificate-authority-data'?: string
  readonly 'insecure-skip-tls-verify'?: boolean
  readonly 'tls-server-name'?: string
}

export interface KubeconfigUser {
  readonly 'client-certificate'?: string
  readonly 'client-certificate-data'?: string
  readonly 'client-key'?: string
  readonly 'client-key-data'?: string
  readonly token?: string
  readonly tokenFile?: string
  readonly exec?: unknown
  readonly 'auth-provider'?: unknown
  readonly username?: string
}

/** Ways of saying who one is that take a program or a server that has long forgotten them. */
const notSupported = ['exec', 'auth-provider', 'username'] as const

/** Larger files are no kubeconfig. */
const mostCharacters = 16 * 1024 * 1024

/** Reads a kubeconfig; `path` is named in errors. Several entries of one name: the first counts, as kubectl has it. */
export function parseKubeconfig(text: string, path: string): Kubeconfig {
  if (text.length > mostCharacters)
    throw new Error(`Cannot read ${path}: it is larger than ${mostCharacters} characters`)
  const document = parseDocument(text)
  const problem = document.errors[0]
  if (problem !== undefined) throw new Error(`Cannot read ${path}: ${problem.message.split('\n')[0]}`)
  const content = (document.toJS({ maxAliasCount: 100 }) ?? {}) as Record<string, unknown>
  if (typeof content !== 'object' || Array.isArray(content)) throw new Error(`Cannot read ${path}: it is no kubeconfig`)
  return {
    currentContext: typeof content['current-context'] === 'string' ? content['current-context'] : '',
    contexts: named(content, 'contexts', 'context', path),
    clusters: named(content, 'clusters', 'cluster', path),
    users: named(content, 'users', 'user', path),
  }
}

function named<T>(
  content: Record<string, unknown>,
  section: string,
  part: string,
  path: string,
): ReadonlyMap<string, T> {
  const list = content[section] ?? []
  if (!Array.isArray(list)) throw new Error(`Cannot read ${path}: ${section} is no list`)
  const entries = new Map<string, T>()
  for (const [at, entry] of list.entries()) {
    const { name, [part]: value } = (entry ?? {}) as Record<string, unknown>
    if (typeof name !== 'string') throw new Error(`Cannot read ${path}: ${section}[${at}] has no name`)
    if (!entries.has(name)) entries.set(name, (value ?? {}) as T)
  }
  return entries
}

/** Several files as one: of each name the entry of the first file counts, and the first current context that is set. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const merged = <T>(part: (config: Kubeconfig) => ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map(configs.toReversed().flatMap((config) => [...part(config)]))
  return {
    currentContext: configs.find(({ currentContext }) => currentContext !== '')?.currentContext ?? '',
    contexts: merged(({ contexts }) => contexts),
    clusters: merged(({ clusters }) => clusters),
    users: merged(({ users }) => users),
  }
}

/** The same with the names of files made whole by `resolve`: in a kubeconfig they start from its own folder. */
export function withFilesFrom(config: Kubeconfig, resolve: (file: string) => string): Kubeconfig {
  const whole = <T extends object>(entry: T, names: readonly (keyof T)[]): T => {
    const files = names.filter((name) => typeof entry[name] === 'string' && entry[name] !== '')
    return { ...entry, ...Object.fromEntries(files.map((name) => [name, resolve(entry[name] as string)])) }
  }
  const each = <T>(entries: ReadonlyMap<string, T>, change: (entry: T) => T): ReadonlyMap<string, T> =>
    new Map([...entries].map(([name, entry]) => [name, change(entry)]))
  return {
    ...config,
    clusters: each(config.clusters, (cluster) => whole(cluster, ['certificate-authority'])),
    users: each(config.users, (user) => whole(user, ['client-certificate', 'client-key', 'tokenFile'])),
  }
}

/** A server, an identity and the namespace to use where none is named. */
export interface Connection {
  readonly options: HttpsTransportOptions
  readonly namespace: string
}

/** How to connect for a context, the current one unless told. `readFile` gives the text of files that it names. */
export async function connectionOf(
  config: Kubeconfig,
  readFile: (path: string) => Promise<string>,
  contextName: string = config.currentContext,
): Promise<Connection> {
  if (contextName === '') throw new Error('No context is chosen: set one with `kubectl config use-context`')
  const context = config.contexts.get(contextName)
  if (context === undefined) throw new Error(`context "${contextName}" does not exist`)
  const cluster = config.clusters.get(context.cluster)
  if (cluster === undefined) throw new Error(`cluster "${context.cluster}" of context "${contextName}" does not exist`)
  const user = config.users.get(context.user) ?? {}
  const means = notSupported.find((name) => user[name] !== undefined && user[name] !== '')
  if (means !== undefined) {
    const use = 'use a client certificate, a token or a tokenFile'
    throw new Error(`user "${context.user}" of context "${contextName}" has "${means}", which is not supported: ${use}`)
  }
  const text = async (data: string | undefined, file: string | undefined): Promise<string | undefined> => {
    if (data !== undefined && data !== '') return decodeBase64(data)
    return file === undefined || file === '' ? undefined : await readFile(file)
  }
  const authority = await text(cluster['certificate-authority-data'], cluster['certificate-authority'])
  const certificate = await text(user['client-certificate-data'], user['client-certificate'])
  const key = await text(user['client-key-data'], user['client-key'])
  const { token, tokenFile } = user
  const serverName = cluster['tls-server-name']
  return {
    options: {
      url: cluster.server,
      tls: {
        ...(authority === undefined ? {} : { authority }),
        ...(certificate === undefined ? {} : { certificate }),
        ...(key === undefined ? {} : { key }),
        ...(serverName === undefined || serverName === '' ? {} : { serverName }),
        ...(cluster['insecure-skip-tls-verify'] === true ? { insecure: true } : {}),
      },
      // A file is read each time: whoever renews the token writes it there.
      ...(tokenFile !== undefined && tokenFile !== ''
        ? { token: async () => (await readFile(tokenFile)).trim() }
        : token === undefined || token === ''
          ? {}
          : { token: () => token }),
    },
    namespace: context.namespace === undefined || context.namespace === '' ? 'default' : context.namespace,
  }
}

function decodeBase64(data: string): string {
  const bytes = Uint8Array.from(atob(data.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0))
  return new TextDecoder().decode(bytes)
}
