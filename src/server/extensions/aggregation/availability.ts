// Whether a registered API can be reached, as far as the objects of the cluster tell.
import type { APIServiceCondition, ServiceReference } from '#api/apiregistration/v1/apiService.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'

/** The port of a service that registrations mean when they name none. */
export const usualPort = 443

/** What is said of the API beside when it began. */
export type Availability = Pick<APIServiceCondition, 'status'> & { readonly reason: string; readonly message: string }

/** Said of what this server serves itself. */
export const localAvailability: Availability = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
}

export const passed: Availability = { status: 'True', reason: 'Passed', message: 'all checks passed' }

export const failedDiscovery = (message: string): Availability => no('FailedDiscoveryCheck', message)

const no = (reason: string, message: string): Availability => ({ status: 'False', reason, message })

/** Why the API cannot be reached; undefined when nothing speaks against asking its server. */
export function planAvailability(
  { namespace = '', name = '', port = usualPort }: ServiceReference,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
): Availability | undefined {
  const which = `service/${name} in ${JSON.stringify(namespace)}`
  if (service === undefined) return no('ServiceNotFound', `${which} is not present`)
  const { type = 'ClusterIP', ports = [] } = service.spec
  if (type !== 'ClusterIP') return undefined
  const open = ports.find((each) => each.port === port)
  if (open === undefined) return no('ServicePortError', `${which} is not listening on port ${port}`)
  if (slices.length === 0) return no('EndpointsNotFound', `cannot find endpointslices for ${which}`)
  const portName = open.name ?? ''
  if (slices.some((slice) => isOpen(slice, portName))) return undefined
  return no(
    'MissingEndpoints',
    `endpointslices for ${which} have no addresses with port name ${JSON.stringify(portName)}`,
  )
}

function isOpen({ endpoints, ports }: EndpointSlice, portName: string): boolean {
  return (
    (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false) &&
    (ports ?? []).some(({ name, port }) => (name ?? '') === portName && port !== undefined)
  )
}
