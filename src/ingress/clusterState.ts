import { configMaps } from '#api/core/v1/configMap.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { ingresses, type Ingress } from '#api/networking/v1/ingress.ts'
import { ingressClasses } from '#api/networking/v1/ingressClass.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Selection } from '#client/client.ts'
import { keyOf } from '#client/index.ts'
import type { Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { annotationPrefix } from './annotations/annotations.ts'
import { Bell } from './bell.ts'
import { isOurs } from './classes.ts'
import type { ClusterView } from './plan/cluster.ts'
import { serviceKey } from './service.ts'

/** What has changed since it was last asked. */
export interface Changes {
  /** Whether anything but services that are there. */
  readonly all: boolean
  /** Services that are not as they were, or have other endpoints, by key. */
  readonly services: ReadonlySet<string>
}

/** Slices by the service that they are of. */
export const bySlice = 'ingressService'
const serviceLabel = 'kubernetes.io/service-name'

/** Secrets of these types are never for ingresses; there may be many. */
const otherSecrets: Selection = {
  fieldSelector:
    'type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1,type!=bootstrap.kubernetes.io/token',
}

/** What of the cluster matters to ingresses, and when it changes. Secrets and ConfigMaps are followed once somebody names one. */
export class ClusterState implements Disposable {
  readonly #informers: Informers
  readonly #ingresses
  readonly #classes
  readonly #services
  readonly #slices
  readonly #stack = new DisposableStack()
  #secrets: Informer<KubeObject> | undefined
  #configMaps: Informer<KubeObject> | undefined
  #all = true
  #changed = new Set<string>()
  /** Services that somebody looked for, whether they are there or not. */
  readonly #asked = new Set<string>()
  readonly #bell = new Bell()

  constructor(informers: Informers) {
    this.#informers = informers
    this.#ingresses = informers.of(ingresses)
    this.#classes = informers.of(ingressClasses)
    this.#services = informers.of(services)
    this.#slices = informers.of(endpointSlices)
    this.#slices.addIndex(bySlice, servicesOfSlice)
    for (const informer of [this.#ingresses, this.#classes] as Informer<KubeObject>[]) this.#follow(informer)
    this.#stack.use(
      this.#services.onChange((change) => {
        const key = keyOf((change.new ?? change.old!).metadata)
        if (key === serviceKey) this.#bell.ring()
        if (!this.#asked.has(key)) return
        if (change.new === undefined || change.old === undefined) return this.touch()
        this.#changed.add(key)
        this.#bell.ring()
      }),
    )
    this.#stack.use(
      this.#slices.onChange((change) => {
        for (const slice of [change.old, change.new]) {
          for (const key of slice === undefined ? [] : servicesOfSlice(slice)) this.#changed.add(key)
        }
        this.#bell.ring()
      }),
    )
  }

  /** Resolves once there is a whole state to look at. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#ingresses, this.#classes, this.#services, this.#slices].map((copy) => copy.synced(signal)))
    this.#followNamed()
    await this.#secrets?.synced(signal)
    await this.#configMaps?.synced(signal)
  }

  /** Those that are ours. */
  ours(): readonly Ingress[] {
    return this.#ingresses.list().filter((ingress) => this.isOurs(ingress))
  }

  isOurs(ingress: Ingress): boolean {
    return isOurs(ingress, (name) => this.#classes.get(name))
  }

  /** All ingresses, of whatever class. */
  everybodys(): readonly Ingress[] {
    return this.#ingresses.list()
  }

  service(key: string) {
    return this.#services.get(key)
  }

  slices(key: string): readonly EndpointSlice[] {
    return this.#slices.byIndex(bySlice, key)
  }

  /** Calls back after changes of classes, and of the service that leads to data planes. */
  onEntryChange(handle: () => void): Disposable {
    const stack = new DisposableStack()
    stack.use(this.#classes.onChange(handle))
    stack.use(
      this.#services.onChange((change) => {
        if (keyOf((change.new ?? change.old!).metadata) === serviceKey) handle()
      }),
    )
    stack.use(
      this.#slices.onChange((change) => {
        if (servicesOfSlice((change.new ?? change.old)!).includes(serviceKey)) handle()
      }),
    )
    return stack
  }

  view(rest: Pick<ClusterView, 'addresses' | 'defaultCertificate' | 'now'>): ClusterView {
    const named =
      <T extends KubeObject>(resource: Resource<T>, copy: Informer<KubeObject> | undefined) =>
      (key: string) =>
        copy?.resource.plural === resource.plural ? (copy.get(key) as T | undefined) : undefined
    const ours = (): readonly Ingress[] => this.ours()
    return {
      // Not looked at where only endpoints have changed.
      get ingresses() {
        return ours()
      },
      service: (key) => {
        this.#asked.add(key)
        return this.#services.get(key)
      },
      slices: (key) => this.slices(key),
      secret: named(secrets, this.#secrets),
      configMap: named(configMaps, this.#configMaps),
      ...rest,
    }
  }

  /** Says that everything is to be looked at again. */
  touch(): void {
    this.#all = true
    this.#bell.ring()
  }

  /** Resolves once something has changed, or the signal aborts. One waits at a time. */
  async changed(signal: AbortSignal): Promise<void> {
    await this.#bell.wait(signal)
  }

  /** What has changed since this was called last. */
  take(): Changes {
    const changes = { all: this.#all, services: this.#changed }
    this.#all = false
    this.#changed = new Set()
    return changes
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  #follow(informer: Informer<KubeObject>): void {
    this.#stack.use(informer.onChange(() => this.touch()))
  }

  /** Nobody reads Secrets who needs none. */
  #followNamed(): void {
    const all = this.ours()
    const says = ({ metadata }: Ingress, names: readonly string[]): boolean =>
      names.some((name) => metadata.annotations?.[annotationPrefix + name] !== undefined)
    const secretsNamed = (ingress: Ingress): boolean =>
      (ingress.spec.tls ?? []).some(({ secretName }) => secretName !== undefined) ||
      says(ingress, ['auth-secret', 'auth-tls-secret', 'proxy-ssl-secret'])
    if (this.#secrets === undefined && all.some(secretsNamed)) {
      this.#secrets = this.#informers.of(secrets, otherSecrets) as unknown as Informer<KubeObject>
      this.#follow(this.#secrets)
    }
    if (
      this.#configMaps === undefined &&
      all.some((each) => says(each, ['custom-headers', 'auth-proxy-set-headers']))
    ) {
      this.#configMaps = this.#informers.of(configMaps) as unknown as Informer<KubeObject>
      this.#follow(this.#configMaps)
    }
  }
}

export function servicesOfSlice({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[serviceLabel]
  return name === undefined ? [] : [`${metadata.namespace ?? ''}/${name}`]
}
