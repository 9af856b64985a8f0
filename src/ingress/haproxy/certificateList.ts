/** Certificates for clients that connect with TLS, as HAProxy lists them: one file for all hosts that are met alike. */
import type { Certificate, Routing } from '#ingress/routing.ts'
import { listedOptions } from './clientCertificateRules.ts'
import { nameFor } from './words.ts'

export interface ListedCertificate {
  readonly pem: string
  /** Names of hosts that it is for. */
  readonly hosts: readonly string[]
  /** How clients are met that ask for them; absent when as all others. */
  readonly options?: string
}

export const pemOf = ({ chain, key }: Certificate): string => `${chain.trim()}\n${key.trim()}\n`

/** What certificates came to: most of thousands stay, and a digest of each takes longer than all else that is done for a change. */
const filesOf = new WeakMap<Certificate, { readonly met: string; readonly name: string; readonly pem: string }>()

function fileOf(certificate: Certificate, hosts: readonly string[], options: string | undefined) {
  const met = [...hosts, options ?? ''].join(' ')
  let known = filesOf.get(certificate)
  if (known?.met !== met) {
    const content = [certificate, hosts, ...(options === undefined ? [] : [options])]
    known = { met, name: `${nameFor('certificate', content)}.pem`, pem: pemOf(certificate) }
    filesOf.set(certificate, known)
  }
  return known
}

/** Those that can be used. `file` writes what options name. Throws when the default one cannot be used. */
export function listCertificates(
  { certificates, serverNames, defaultCertificate }: Routing,
  isUsable: (certificate: Certificate) => boolean,
  file: (kind: string, content: string) => string,
): {
  readonly certificates: ReadonlyMap<string, ListedCertificate>
  /** PEM; nothing when the routing has none. */
  readonly defaultCertificate: string | undefined
} {
  const groups = new Map<
    string,
    { readonly certificate: string; readonly hosts: string[]; readonly options?: string }
  >()
  const seen = new Set<string>()
  for (const { host, certificate, clients } of serverNames) {
    if (host.kind === 'any') continue
    const text = host.kind === 'exact' ? host.name : `*.${host.name}`
    if (seen.has(text) || !/^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i.test(text)) continue
    seen.add(text)
    const options = clients === undefined ? undefined : listedOptions(clients, file)
    const group = `${certificate} ${options ?? ''}`
    const known = groups.get(group)
    if (known !== undefined) known.hosts.push(text)
    else groups.set(group, { certificate, hosts: [text], ...(options === undefined ? {} : { options }) })
  }
  const files = new Map<string, ListedCertificate>()
  for (const { certificate: name, hosts, options } of groups.values()) {
    const certificate = certificates.get(name)
    if (certificate === undefined || !isUsable(certificate)) continue
    const { name: file, pem } = fileOf(certificate, hosts, options)
    files.set(file, { pem, hosts, ...(options === undefined ? {} : { options }) })
  }
  const standard = certificates.get(defaultCertificate)
  if (standard !== undefined && !isUsable(standard))
    throw new Error(
      `Cannot use the default certificate "${defaultCertificate}": it or its key cannot be read, or they do not belong together`,
    )
  return { certificates: files, defaultCertificate: standard === undefined ? undefined : pemOf(standard) }
}
