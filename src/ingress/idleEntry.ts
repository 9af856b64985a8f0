// The way into the cluster as long as nobody has gone it: the service is not made before the first ingress.
import { ingressClasses } from '#api/networking/v1/ingressClass.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import type { Informers } from '#client/informers.ts'
import { isOurClass } from './classes.ts'
import { bySlice, servicesOfSlice } from './clusterState.ts'
import { entryService, serviceKey, serviceName } from './service.ts'

/** Where the service will be, on which ports, whether the first ingress would have it made, and whether it leads anywhere. */
export function idleEntry(informers: Informers) {
  const classes = informers.of(ingressClasses)
  const slices = informers.of(endpointSlices)
  slices.addIndex(bySlice, servicesOfSlice)
  return {
    namespace: serviceName.namespace,
    service: serviceName.name,
    ports: (entryService.spec.ports ?? []).map(({ port }) => port),
    /** While there is a class of ours. */
    isOffered: (): boolean => classes.list().some(isOurClass),
    /** Once a data plane is behind it. */
    isServed: (): boolean =>
      slices
        .byIndex(bySlice, serviceKey)
        .some(({ endpoints }) => (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false)),
    onChange(handle: () => void): Disposable {
      const stack = new DisposableStack()
      stack.use(classes.onChange(handle))
      stack.use(
        slices.onChange((change) => {
          if (servicesOfSlice((change.new ?? change.old)!).includes(serviceKey)) handle()
        }),
      )
      return stack
    },
    async synced(signal: AbortSignal): Promise<void> {
      await Promise.all([classes.synced(signal), slices.synced(signal)])
    },
  }
}
