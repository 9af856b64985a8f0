// Other servers that extend the API: versions of groups that are registered for them are asked of them, in discovery and
// documents they stand beside what this server has itself. Also the registrations of the latter.
import type { X509Certificate } from 'node:crypto'
import { readCertificates } from '#lib/pki/certificate.ts'
import { clientCertificate, type Authenticator } from '../../authenticate/authenticator.ts'
import { requestHeader, vouchedFor } from '../../authenticate/requestHeader.ts'
import type { Exchange } from '../../exchange.ts'
import type { Kinds } from '../../kind.ts'
import type { AggregationMetrics } from '../../metrics/aggregationMetrics.ts'
import type { RegistryContext } from '../../registry/context.ts'
import type { ServerReply } from '../../request.ts'
import { AvailabilityKeeper } from './availabilityKeeper.ts'
import type { ProxyIdentity } from './backend.ts'
import { TrustKeeper, type ClusterTrust } from './clusterTrust.ts'
import { LocalRegistrar } from './localRegistrar.ts'
import { passOn } from './passOn.ts'
import { Registrations } from './registrations.ts'

/** How this server and those that extend its API know each other. */
export interface AggregationOptions {
  /** What this server shows to others when it asks in the name of its callers. */
  readonly identity?: ProxyIdentity
  /** Whom this server believes, and others should. */
  readonly trust?: ClusterTrust
}

export interface AggregationSurroundings extends AggregationOptions {
  readonly kinds: Kinds
  readonly registry: RegistryContext
  readonly metrics: AggregationMetrics
  readonly onBug: (error: unknown, what: string) => void
}

export class Aggregation implements Disposable {
  readonly registrations: Registrations
  /** Those that read certificates. */
  readonly authenticators: readonly Authenticator[]
  readonly #local: LocalRegistrar
  readonly #availability: AvailabilityKeeper
  readonly #trust: TrustKeeper | undefined
  #isProxy: (certificate: X509Certificate) => boolean = () => false

  constructor({ identity, trust, ...around }: AggregationSurroundings) {
    const { kinds, registry } = around
    this.registrations = new Registrations(kinds, { clock: registry.clock, identity })
    this.#local = new LocalRegistrar(around)
    this.#availability = new AvailabilityKeeper({ ...around, registrations: this.registrations })
    if (trust === undefined) this.authenticators = [clientCertificate()]
    else {
      this.#trust = new TrustKeeper({ ...around, trust })
      this.#isProxy = vouchedFor(readCertificates(trust.requestHeader.authority))
      const isProxy = (certificate: X509Certificate): boolean => this.#isProxy(certificate)
      this.authenticators = [requestHeader(trust.requestHeader, isProxy), clientCertificate(isProxy)]
    }
  }

  /** Believes others from now on. Headers stay those of the start. For a server that began with some trust. */
  changeTrust(trust: ClusterTrust): void {
    if (this.#trust === undefined) throw new Error('Cannot change whom this server believes: it began with nobody')
    this.#isProxy = vouchedFor(readCertificates(trust.requestHeader.authority))
    this.#trust.change(trust)
  }

  /** Call once the server is ready. */
  start(signal: AbortSignal): void {
    this.#availability.start(signal)
    this.#trust?.start(signal)
    this.#local.start(signal)
  }

  /** The answer of another server, when the request is for one. */
  answer(exchange: Exchange): undefined | Promise<ServerReply> {
    const backend = this.registrations.findFor(exchange.info)
    return backend === undefined ? undefined : passOn(exchange, backend)
  }

  /** What to wait for before a request for registrations is answered: they are made when somebody first asks. */
  settled({ kind, request, info }: Exchange): undefined | Promise<void> {
    if (kind === undefined || kind !== this.#local.kind) return undefined
    // Components that watch hear of all that is made later.
    return request.caller !== undefined && info.verb === 'watch' ? undefined : this.#local.settle()
  }

  [Symbol.dispose](): void {
    this.registrations[Symbol.dispose]()
  }
}
