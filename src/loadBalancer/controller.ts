import { nodes } from '#api/core/v1/node.ts'
import { services, type LoadBalancerStatus, type Service } from '#api/core/v1/service.ts'
import type { Client } from '#client/client.ts'
import type { Controller, Outcome } from '#client/controller.ts'
import { referenceTo, type EventNote, type EventWriter } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import type { Informers } from '#client/informers.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { isAvailable } from './nodes.ts'
import { addressesOf, cleanupFinalizer, fingerprintOf, needsCleanup, planAddresses, wantsLoadBalancer } from './plan.ts'
import type { Pool } from './pool.ts'

export interface LoadBalancerControllerOptions {
  readonly client: Client
  readonly informers: Informers
  readonly events: EventWriter
  readonly pool: Pool
}

const byAddress = 'loadBalancerAddresses'
/** As Kubernetes' service controller tries again what failed. */
const firstRetry = 5_000
const lastRetry = 300_000

/** Gives services of type LoadBalancer their addresses, and takes them back before a service goes. */
export function loadBalancerController({ client, informers, events, pool }: LoadBalancerControllerOptions): Controller {
  const copies = informers.of(services)
  const nodeCopies = informers.of(nodes)
  const recorder = events.recorder('service-controller')
  copies.addIndex(byAddress, addressesOf)
  /** The addresses that were given to each service; the copies have them a little later. */
  const given = new Map<string, readonly string[]>()
  /** For what each service was last told that its load balancer is there. */
  const ensured = new Map<string, string>()
  /** Services that wait for an address, and how often they were looked at in vain. */
  const waiting = new Map<string, number>()
  let look: (key: string) => void = () => {}

  const tell = (service: Service, note: EventNote): void => recorder.record(referenceTo(services, service), note)
  const lookAgain = (): void => {
    for (const key of waiting.keys()) look(key)
  }

  /** Another service that has an address. Of two that claim one, by a status that somebody wrote, the older has it. */
  const userOf = (service: Service) => (address: string) => {
    const key = keyOf(service.metadata)
    if (given.get(key)?.includes(address) === true) return undefined
    for (const other of copies.byIndex(byAddress, address)) {
      const otherKey = keyOf(other.metadata)
      if (otherKey === key || needsCleanup(other)) continue
      if (!addressesOf(service).includes(address) || ageOf(other) < ageOf(service)) return otherKey
    }
    return [...given].find(([otherKey, addresses]) => otherKey !== key && addresses.includes(address))?.[0]
  }

  const write = async (
    service: Service,
    finalizers: readonly string[],
    loadBalancer: LoadBalancerStatus,
    signal: AbortSignal,
  ): Promise<Service | undefined> => {
    const { resourceVersion, finalizers: before = [] } = service.metadata
    const isSame = sameJson(before, finalizers)
    if (isSame && sameJson(service.status?.loadBalancer ?? {}, loadBalancer)) return service
    const metadata = { resourceVersion: resourceVersion!, ...(isSame ? {} : { finalizers: [...finalizers] }) }
    const body = { metadata, status: { loadBalancer: { ingress: loadBalancer.ingress ?? null } } }
    return unlessGone(client.patchStatus(services, service.metadata, { type: 'merge', body }, { signal }))
  }

  const release = async (service: Service, key: string, signal: AbortSignal): Promise<void> => {
    tell(service, { type: 'Normal', reason: 'DeletingLoadBalancer', message: 'Deleting load balancer' })
    const rest = (service.metadata.finalizers ?? []).filter((name) => name !== cleanupFinalizer)
    await write(service, rest, {}, signal)
    tell(service, { type: 'Normal', reason: 'DeletedLoadBalancer', message: 'Deleted load balancer' })
    forget(key)
  }

  const forget = (key: string): void => {
    ensured.delete(key)
    waiting.delete(key)
    if (given.delete(key)) lookAgain()
  }

  const ensure = async (service: Service, key: string, signal: AbortSignal): Promise<Outcome> => {
    const { ingress, problem } = planAddresses(service, pool, userOf(service))
    const finalizers = [...new Set([...(service.metadata.finalizers ?? []), cleanupFinalizer])]
    const wanted: LoadBalancerStatus = ingress.length === 0 ? {} : { ingress: [...ingress] }
    const fingerprint = fingerprintOf(service)
    const isTold = ensured.get(key) === fingerprint
    const isThere =
      sameJson(finalizers, service.metadata.finalizers ?? []) && sameJson(service.status?.loadBalancer ?? {}, wanted)
    if (isTold && isThere && problem === undefined) return
    tell(service, { type: 'Normal', reason: 'EnsuringLoadBalancer', message: 'Ensuring load balancer' })
    if (!nodeCopies.list().some(isAvailable)) {
      const message = 'There are no available nodes for LoadBalancer'
      tell(service, { type: 'Warning', reason: 'UnAvailableLoadBalancer', message })
    }
    const before = given.get(key)
    given.set(
      key,
      ingress.map(({ ip }) => ip!),
    )
    try {
      if ((await write(service, finalizers, wanted, signal)) === undefined) return forget(key)
    } catch (error) {
      if (before === undefined) given.delete(key)
      else given.set(key, before)
      throw error
    }
    if (before?.some((address) => ingress.every(({ ip }) => ip !== address))) lookAgain()
    if (problem !== undefined) {
      const message = `Error syncing load balancer: failed to ensure load balancer: ${problem}`
      tell(service, { type: 'Warning', reason: 'SyncLoadBalancerFailed', message })
      ensured.delete(key)
      const tries = waiting.get(key) ?? 0
      waiting.set(key, tries + 1)
      return { after: Math.min(lastRetry, firstRetry * 2 ** tries) }
    }
    waiting.delete(key)
    ensured.set(key, fingerprint)
    tell(service, { type: 'Normal', reason: 'EnsuredLoadBalancer', message: 'Ensured load balancer' })
    return undefined
  }

  return {
    name: 'service-lb-controller',
    account: 'service-controller',
    // One after the other, so that no two get one address.
    workers: 1,
    permissions: [
      { groups: [''], resources: ['services'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['services/status'], verbs: ['patch', 'update'] },
      { groups: [''], resources: ['nodes'], verbs: ['list', 'watch'] },
    ],
    watch(on, add) {
      look = add
      on(copies, (service) => [keyOf(service.metadata)])
      on(nodeCopies, () => [])
    },
    async reconcile(key, signal) {
      const service = copies.get(key)
      if (service === undefined) return forget(key)
      if (needsCleanup(service)) return release(service, key, signal)
      if (wantsLoadBalancer(service)) return ensure(service, key, signal)
      return forget(key)
    },
  }
}

/** Orders services by their age. */
const ageOf = ({ metadata }: Service): string => `${metadata.creationTimestamp ?? ''} ${keyOf(metadata)}`
