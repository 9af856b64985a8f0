import type { APIService, APIServiceSpec } from '#api/apiregistration/v1/apiService.ts'
import type { Clock } from '#lib/clock.ts'
import { HttpClient } from '#lib/http/client.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import type { ClusterView } from '../../admission/chain.ts'
import { serviceEndpoint } from '../../webhooks/serviceEndpoint.ts'
import { usualPort } from './availability.ts'
import { nothingKnown, type BackendDocuments } from './documents.ts'

/** PEM texts by which other servers know this one. */
export interface ProxyIdentity {
  readonly certificate: string
  readonly key: string
}

export interface BackendSurroundings {
  readonly clock: Clock
  /** Absent: the server shows no certificate, and others need not believe for whom it asks. */
  readonly identity: ProxyIdentity | undefined
}

/** A way to one address of a server. */
export interface Way {
  readonly client: HttpClient
  /** Its beginning in messages, such as `https://10.0.0.1:443`. */
  readonly url: string
}

/** Addresses to which connections are kept. */
const mostAddresses = 16

/** Another server that serves a version of a group. */
export class Backend {
  readonly group: string
  readonly version: string
  /** What it says of itself, as far as it was asked. */
  documents: BackendDocuments = nothingKnown
  #registration: APIService
  readonly #around: BackendSurroundings
  /** By address, and whether the server's certificate counts. The one used longest ago stands first. */
  readonly #clients = new Map<string, HttpClient>()

  constructor(registration: APIService, around: BackendSurroundings) {
    const { group = '', version = '' } = registration.spec
    this.group = group
    this.version = version
    this.#registration = registration
    this.#around = around
  }

  get name(): string {
    return this.#registration.metadata.name
  }

  get spec(): APIServiceSpec {
    return this.#registration.spec
  }

  /** Whether requests may be passed on to it. */
  get isAvailable(): boolean {
    return isConditionTrue(this.#registration.status?.conditions, 'Available')
  }

  /** Takes over the registration as it is now. Connections stay, unless it leads elsewhere. */
  update(registration: APIService): void {
    const before = this.spec
    this.#registration = registration
    const { service, caBundle, insecureSkipTLSVerify } = registration.spec
    const isSame =
      service?.namespace === before.service?.namespace &&
      service?.name === before.service?.name &&
      service?.port === before.service?.port &&
      caBundle === before.caBundle &&
      insecureSkipTLSVerify === before.insecureSkipTLSVerify
    if (isSame) return
    this.documents = nothingKnown
    this.#closeAll()
  }

  /** A way to one of its addresses. Throws the reason why there is none. `unchecked`: whatever its certificate says. */
  way(cluster: Pick<ClusterView, 'get' | 'random'>, unchecked = false): Way {
    const { service, caBundle = '', insecureSkipTLSVerify } = this.spec
    const { namespace = '', name = '', port = usualPort } = service ?? {}
    const found = serviceEndpoint(cluster, namespace, name, port)
    const host = found.address.includes(':') ? `[${found.address}]` : found.address
    const url = `https://${host}:${found.port}`
    const insecure = unchecked || insecureSkipTLSVerify === true
    const key = `${url} ${insecure}`
    const known = this.#clients.get(key)
    this.#clients.delete(key)
    const { clock, identity } = this.#around
    const client =
      known ??
      new HttpClient({
        url,
        protocol: 'h1',
        userAgent: 'kube-aggregator',
        clock,
        tls: {
          serverName: `${name}.${namespace}.svc`,
          ...(caBundle === '' ? {} : { authority: Buffer.from(caBundle, 'base64').toString('utf8') }),
          ...(insecure ? { insecure } : {}),
          ...identity,
        },
      })
    this.#clients.set(key, client)
    for (const [oldest, old] of this.#clients) {
      if (this.#clients.size <= mostAddresses) break
      this.#clients.delete(oldest)
      old.close()
    }
    return { client, url }
  }

  [Symbol.dispose](): void {
    this.#closeAll()
  }

  #closeAll(): void {
    for (const client of this.#clients.values()) client.close()
    this.#clients.clear()
  }
}
