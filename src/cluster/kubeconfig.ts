import { dirname, join, resolve } from 'node:path'
import { isMap, isSeq, parseDocument, stringify, type Document, type YAMLMap, type YAMLSeq } from 'yaml'
import type { Credentials } from './certificates.ts'
import type { ClusterRecord } from './record.ts'
import type { Files } from '#lib/host/files.ts'
import { urlHost } from '#lib/net/ip.ts'

/** The file that kubectl reads and that our context goes into: the first of `KUBECONFIG`, else the usual one. */
export function kubeconfigPath(environment: Readonly<Record<string, string | undefined>>): string {
  const first = (environment['KUBECONFIG'] ?? '').split(':').find((path) => path !== '')
  return resolve(first ?? join(environment['HOME'] ?? '/root', '.kube', 'config'))
}

/** How the context, cluster and user of a cluster are called: `k8ts` for the cluster of that name, `k8ts-NAME` for others. */
export function contextName(cluster: string): string {
  return cluster === 'k8ts' ? cluster : `k8ts-${cluster}`
}

interface Named {
  readonly name: string
  readonly [part: string]: unknown
}

/** What a cluster adds to a kubeconfig. */
interface Entries {
  readonly clusters: Named
  readonly users: Named
  readonly contexts: Named
}

const sections = ['clusters', 'users', 'contexts'] as const

/** Writes the kubeconfig that holds nothing but this cluster. */
export async function writeAdminKubeconfig(
  files: Files,
  path: string,
  { config, server }: ClusterRecord,
  authority: string,
  administrator: Credentials,
): Promise<void> {
  await writeKubeconfig(files, path, contextName(config.name), server, authority, administrator)
}

/** Writes a kubeconfig with one context, cluster and user of a name. `authority`: PEM of whom the server's certificate is from. */
export async function writeKubeconfig(
  files: Files,
  path: string,
  name: string,
  server: { readonly address: string; readonly port: number },
  authority: string,
  user: Credentials,
): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          'certificate-authority-data': base64(authority),
          server: `https://${urlHost(server.address)}:${server.port}`,
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
    users: [
      {
        name,
        user: {
          'client-certificate-data': base64(user.certificate),
          'client-key-data': base64(user.key),
        },
      },
    ],
  }
  await files.write(path, stringify(content, { lineWidth: 0 }), { mode: 0o600, sync: true })
}

const mostBytes = 16 * 1024 * 1024

/** Rejects when a kubeconfig has a context, cluster or user of a cluster's name that is not ours, or cannot be read. */
export async function refuseForeignContext(files: Files, path: string, cluster: string): Promise<void> {
  const document = readKubeconfig(path, await files.readText(path, mostBytes))
  refuseForeign(document, path, contextName(cluster))
}

/**
 * Puts a cluster's context into the user's kubeconfig and makes it the current one. Everything else in the file stays as
 * it is, comments and the context's namespace too. Refuses to replace a context of the same name that is not ours.
 */
export async function mergeContext(files: Files, path: string, cluster: string, adminFile: string): Promise<void> {
  const admin = parseDocument((await files.readText(adminFile, mostBytes))!).toJS() as Record<string, Named[]>
  const entries = Object.fromEntries(sections.map((section) => [section, admin[section]![0]!])) as unknown as Entries
  const name = contextName(cluster)
  const before = await files.readText(path, mostBytes)
  const document = readKubeconfig(path, before)
  refuseForeign(document, path, name, serverOf(entries.clusters))
  for (const section of sections) {
    const list = sectionOf(document, section, path)
    const index = indexOf(list, name)
    if (index < 0) list.add(document.createNode(entries[section]))
    else if (section !== 'contexts') list.items[index] = document.createNode(entries[section])
  }
  document.set('current-context', name)
  const text = document.toString({ lineWidth: 0 })
  if (text === before) return
  await files.makeFolder(dirname(path), 0o755)
  await files.write(path, text, { mode: 0o600, sync: true })
}

/**
 * Takes a cluster's context out of the user's kubeconfig; the current context is unset if it was this one. What has the
 * same name and is not ours stays.
 */
export async function forgetContext(files: Files, path: string, cluster: string): Promise<void> {
  const before = await files.readText(path, mostBytes)
  if (before === undefined) return
  const name = contextName(cluster)
  const document = readKubeconfig(path, before)
  if (findForeign(document, path, name) !== undefined) return
  let found = false
  for (const section of sections) {
    const list = sectionOf(document, section, path)
    const index = indexOf(list, name)
    if (index < 0) continue
    found = true
    list.items.splice(index, 1)
  }
  if (!found) return
  if (document.get('current-context') === name) document.set('current-context', '')
  await files.write(path, document.toString({ lineWidth: 0 }), { mode: 0o600, sync: true })
}

function refuseForeign(document: Document, path: string, name: string, server?: string): void {
  const what = findForeign(document, path, name, server)
  if (what === undefined) return
  throw new Error(
    `${path} has a ${what} "${name}" that belongs to another cluster; rename it (kubectl config rename-context), or make the cluster under another name`,
  )
}

/**
 * What of this name is not ours. A cluster is ours when it is at a local address, because the address and the certificate
 * change with every `up`; a context when it joins our cluster and user; a user when there is our cluster beside it.
 */
function findForeign(document: Document, path: string, name: string, server?: string): string | undefined {
  const [cluster, user, context] = sections.map((section) => {
    const list = sectionOf(document, section, path)
    const index = indexOf(list, name)
    return index < 0 ? undefined : ((list.items[index] as YAMLMap).toJSON() as Named)
  })
  if (context !== undefined) {
    const joined = (context['context'] ?? {}) as { readonly cluster?: unknown; readonly user?: unknown }
    if (joined.cluster !== name || joined.user !== name) return 'context'
  }
  if (cluster === undefined) return user === undefined ? undefined : 'user'
  const at = serverOf(cluster)
  if (at === server || /^https:\/\/(10\.89\.\d+\.\d+|127\.0\.0\.1):\d+$/.test(at)) return undefined
  return context === undefined ? 'cluster' : 'context'
}

function serverOf({ cluster }: Named): string {
  return String((cluster as { server?: unknown } | undefined)?.server ?? '')
}

function readKubeconfig(path: string, text: string | undefined): Document {
  const document = parseDocument(text === undefined || text.trim() === '' ? 'apiVersion: v1\nkind: Config\n' : text)
  const problem = document.errors[0]
  if (problem !== undefined) throw new Error(`cannot read ${path}: ${problem.message.split('\n')[0]}`)
  if (!isMap(document.contents)) throw new Error(`cannot read ${path}: it is no kubeconfig (a mapping was expected)`)
  return document
}

function sectionOf(document: Document, section: string, path: string): YAMLSeq {
  const known = document.get(section)
  if (isSeq(known)) return known
  if (known !== undefined && known !== null) throw new Error(`cannot read ${path}: ${section} is no list`)
  const list = document.createNode([])
  document.set(section, list)
  return document.get(section) as YAMLSeq
}

function indexOf(list: YAMLSeq, name: string): number {
  return list.items.findIndex((item) => isMap(item) && item.get('name') === name)
}
