// What other servers need to know to believe clients and this server: the ConfigMap that they read at their start.
import type { X509Certificate } from 'node:crypto'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import type { KubeObject } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { certificatePem, readCertificates } from '#lib/pki/certificate.ts'
import { isReason } from '#machinery/status.ts'
import type { RequestHeaderConfiguration } from '../../authenticate/requestHeader.ts'
import { keyOf, type Kind, type Kinds } from '../../kind.ts'
import { thaw } from '../../objects.ts'
import type { RegistryContext } from '../../registry/context.ts'
import { createObject } from '../../registry/create.ts'
import { serverWrites } from '../../registry/serverWrites.ts'
import { updateObject } from '../../registry/update.ts'

const namespace = 'kube-system'
const name = 'extension-apiserver-authentication'
const retryAfterMs = 1_000
/** Authorities that ended no longer ago than this are kept: clocks differ. */
const leewayMs = 300_000

export interface ClusterTrust {
  /** PEM of the authorities of ordinary clients. */
  readonly clientAuthority: string
  readonly requestHeader: RequestHeaderConfiguration
}

/** The data of the ConfigMap: what is there already, as another server of the cluster may have it, and what this one adds. */
export function planTrust(
  { clientAuthority, requestHeader }: ClusterTrust,
  present: Readonly<Record<string, string>>,
  now: number,
): Record<string, string> {
  const certificates = (key: string, own: string): string => joinCertificates(present[key] ?? '', own, now)
  const list = (key: string, own: readonly string[]): string =>
    JSON.stringify([...new Set([...readList(present[key]), ...own])])
  return {
    'client-ca-file': certificates('client-ca-file', clientAuthority),
    'requestheader-allowed-names': list('requestheader-allowed-names', requestHeader.allowedNames),
    'requestheader-client-ca-file': certificates('requestheader-client-ca-file', requestHeader.authority),
    'requestheader-extra-headers-prefix': list('requestheader-extra-headers-prefix', requestHeader.extraHeaderPrefixes),
    'requestheader-group-headers': list('requestheader-group-headers', requestHeader.groupHeaders),
    'requestheader-uid-headers': list('requestheader-uid-headers', requestHeader.uidHeaders),
    'requestheader-username-headers': list('requestheader-username-headers', requestHeader.usernameHeaders),
  }
}

/** What somebody wrote by hand and nobody can read is written anew. */
function readList(text = '[]'): readonly string[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
  } catch {
    return []
  }
}

function joinCertificates(present: string, own: string, now: number): string {
  const all = [...readPresent(present), ...readCertificates(own)]
  const valid = all.filter(({ validToDate }) => validToDate.getTime() > now - leewayMs)
  return [...new Set(valid.map(certificatePem))].join('')
}

function readPresent(text: string): readonly X509Certificate[] {
  try {
    return text.includes('BEGIN CERTIFICATE') ? readCertificates(text) : []
  } catch {
    return []
  }
}

interface Surroundings {
  readonly kinds: Kinds
  readonly registry: RegistryContext
  readonly trust: ClusterTrust
  readonly onBug: (error: unknown, what: string) => void
}

/** Keeps the ConfigMap `extension-apiserver-authentication` in kube-system. */
export class TrustKeeper {
  readonly #around: Omit<Surroundings, 'trust'>
  #trust: ClusterTrust
  #seen: ConfigMap | undefined
  #isBusy = false
  #signal: AbortSignal | undefined

  constructor({ trust, ...around }: Surroundings) {
    this.#around = around
    this.#trust = trust
  }

  /** Adds whom this server believes from now on. Those of before stay until they end: other servers may believe them still. */
  change(trust: ClusterTrust): void {
    this.#trust = trust
    this.#seen = undefined
    if (this.#signal !== undefined) this.#look()
  }

  /** Call once the cache is filled and the bootstrap roles, with their namespaces, are in place. */
  start(signal: AbortSignal): void {
    if (this.#kind === undefined) return
    this.#signal = signal
    this.#look()
  }

  get #kind(): Kind | undefined {
    return this.#around.kinds.of(configMaps)
  }

  readonly #look = (): void => {
    if (this.#signal!.aborted) return
    const { cache } = this.#kind!
    cache.forget(this.#look)
    cache.onNext(this.#look)
    const found = this.#find()
    if (this.#isBusy || (found !== undefined && found === this.#seen)) return
    this.#isBusy = true
    void this.#write(found).then((isDone) => {
      this.#isBusy = false
      if (isDone) this.#look()
      // The namespace may come later.
      else void this.#around.registry.clock.sleep(retryAfterMs, this.#signal).then(this.#look, () => {})
    })
  }

  #find(): ConfigMap | undefined {
    const kind = this.#kind!
    return kind.cache.entries.get(keyOf(kind, namespace, name))?.object as ConfigMap | undefined
  }

  /** False: it did not go well, and is to be tried again. */
  async #write(found: ConfigMap | undefined): Promise<boolean> {
    const { registry, onBug } = this.#around
    const kind = this.#kind!
    const data = planTrust(this.#trust, found?.data ?? {}, registry.clock.now())
    try {
      if (found === undefined) {
        const object: ConfigMap = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace }, data }
        await createObject(registry, kind, object, serverWrites)
      } else if (!sameJson(data, found.data)) {
        const change = (old: KubeObject): KubeObject => ({ ...thaw(old), data }) as KubeObject
        await updateObject(registry, kind, { namespace, name, change, retryConflicts: true }, serverWrites)
      } else this.#seen = found
      await registry.cache.current()
      return true
    } catch (error) {
      const isExpected = isReason(error, 'NotFound') || isReason(error, 'AlreadyExists')
      if (!this.#signal!.aborted && !isExpected) onBug(error, `ConfigMap ${name}`)
      return false
    }
  }
}
