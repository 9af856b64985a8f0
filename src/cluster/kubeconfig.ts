import { dirname, join, resolve } from 'node:path'
import { isMap, isSeq, parseDocument, stringify, type Document, type YAMLMap, type YAMLSeq } from 'yaml'
import type { Credentials } from './certificates.ts'
import type { ClusterRecord } from './record.ts'
import type { Files } from '#lib/host/files.ts'
import { urlHost } from '#lib/net/ip.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** A user and group of this machine. */
interface Owner {
  readonly uid: number
  readonly gid: number
}

/** A kubeconfig of the person who types the command. */
export interface UserKubeconfig {
  /** Absolute; perhaps a link. */
  readonly path: string
  /** To whom it is given where it is not there yet; absent for who is not root and can give nothing away. */
  readonly owner?: Owner | undefined
}

/** For whom root makes a kubeconfig: with `sudo` for who typed it. */
export function kubeconfigOwner(environment: Environment, uid: number): Owner | undefined {
  if (uid !== 0) return undefined
  const typed = { uid: Number(environment['SUDO_UID'] ?? 0), gid: Number(environment['SUDO_GID'] ?? 0) }
  return Number.isInteger(typed.uid) && Number.isInteger(typed.gid) ? typed : { uid: 0, gid: 0 }
}

/**
 * The file that kubectl reads and that our context goes into: the first of `KUBECONFIG`, else the usual one. With `sudo` it is
 * that of who typed it, who goes on with kubectl without.
 */
export async function kubeconfigPath(files: Files, environment: Environment, uid: number): Promise<string> {
  const first = (environment['KUBECONFIG'] ?? '').split(':').find((path) => path !== '')
  if (first !== undefined) return resolve(first)
  const accounts = ((await files.readText('/etc/passwd')) ?? '').split('\n').map((line) => line.split(':'))
  const homeOf = (user: number): string | undefined => accounts.find((fields) => fields[2] === String(user))?.[5]
  const { uid: typed = uid } = kubeconfigOwner(environment, uid) ?? {}
  const theirs = typed === uid ? undefined : homeOf(typed)
  // Accounts of services have none.
  const isThere = theirs !== undefined && (await files.status(theirs)) !== undefined
  const home = isThere ? theirs : (environment['HOME'] ?? homeOf(uid))
  if (home === undefined) throw new Error('neither KUBECONFIG nor HOME says where your kubeconfig is; set one of them')
  return resolve(join(home, '.kube', 'config'))
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

/**
 * Rejects when a kubeconfig cannot be read or written, or has a context, cluster or user of a cluster's name that is not ours.
 */
export async function refuseKubeconfig(files: Files, path: string, cluster: string): Promise<void> {
  const document = readKubeconfig(path, await readFile(files, path))
  refuseForeign(document, path, contextName(cluster))
  const real = await followLinks(files, path)
  let folder = dirname(real)
  while ((await files.status(folder)) === undefined) folder = dirname(folder)
  const trial = join(folder, `.k8ts-${process.pid}.tmp`)
  try {
    await files.write(trial, '')
  } catch (error) {
    throw cannotWrite(path, error)
  }
  await files.remove(trial)
}

async function readFile(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.readText(path, mostBytes)
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}

const cannotWrite = (path: string, error: unknown): Error =>
  new Error(
    `cannot write ${path}, where the context goes (KUBECONFIG names another file): ${(error as Error).message}`,
    {
      cause: error,
    },
  )

const mostLinks = 40

/** The file that a path leads to, which need not be there yet. */
async function followLinks(files: Files, path: string): Promise<string> {
  let at = path
  for (let links = 0; links < mostLinks; links++) {
    const target = await files.readLink(at).catch(() => undefined)
    if (target === undefined) return at
    at = resolve(dirname(at), target)
  }
  throw new Error(`cannot use ${path}: its links lead nowhere`)
}

/** Writes a kubeconfig where it is: links stay, folders that are there too, and so does whose it is. */
async function writeWhereItIs(files: Files, { path, owner }: UserKubeconfig, text: string): Promise<void> {
  try {
    const real = await followLinks(files, path)
    const missing: string[] = []
    for (let folder = dirname(real); (await files.status(folder)) === undefined; folder = dirname(folder))
      missing.push(folder)
    await files.makeFolder(dirname(real))
    if (owner !== undefined) for (const folder of missing) await files.setOwner(folder, owner.uid, owner.gid)
    const { uid, gid } = (await files.status(real)) ?? owner ?? {}
    const whose = owner !== undefined && uid !== undefined && gid !== undefined ? { uid, gid } : {}
    await files.write(real, text, { mode: 0o600, sync: true, ...whose })
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

/**
 * Puts a cluster's context into the user's kubeconfig and makes it the current one. Everything else in the file stays as
 * it is, comments and the context's namespace too. Refuses to replace a context of the same name that is not ours.
 */
export async function mergeContext(
  files: Files,
  user: UserKubeconfig,
  cluster: string,
  adminFile: string,
): Promise<void> {
  const { path } = user
  const admin = parseDocument((await files.readText(adminFile, mostBytes))!).toJS() as Record<string, Named[]>
  const entries = Object.fromEntries(sections.map((section) => [section, admin[section]![0]!])) as unknown as Entries
  const name = contextName(cluster)
  const before = await readFile(files, path)
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
  if (text !== before) await writeWhereItIs(files, user, text)
}

/**
 * Takes a cluster's context out of the user's kubeconfig; the current context is unset if it was this one. What has the
 * same name and is not ours stays.
 */
export async function forgetContext(files: Files, user: UserKubeconfig, cluster: string): Promise<void> {
  const { path } = user
  const before = await readFile(files, path)
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
  await writeWhereItIs(files, user, document.toString({ lineWidth: 0 }))
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
  if (at === server || /^https:\/\/(10\.89\.\d+\.\d+|\[fd00:10:89:[\da-f:]+\]|127\.0\.0\.1):\d+$/.test(at))
    return undefined
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
