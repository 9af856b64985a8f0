import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'

/** The variables that tell a container of the services in its namespace, and of the API server's own. */
export function computeServiceEnvironment(pod: Pod, services: readonly Service[]): ReadonlyMap<string, string> {
  const { namespace } = pod.metadata
  const chosen = new Map<string, Service>()
  for (const service of services) {
    const { clusterIP } = service.spec
    if (clusterIP === undefined || clusterIP === '' || clusterIP === 'None') continue
    const { name } = service.metadata
    const isApiServer = service.metadata.namespace === 'default' && name === 'kubernetes'
    if (service.metadata.namespace === namespace) {
      if (isApiServer || pod.spec.enableServiceLinks !== false) chosen.set(name, service)
    } else if (isApiServer && !chosen.has(name)) chosen.set(name, service)
  }
  const environment = new Map<string, string>()
  for (const [name, service] of chosen) addService(environment, name, service)
  return environment
}

function addService(environment: Map<string, string>, name: string, { spec }: Service): void {
  const { clusterIP = '', ports = [] } = spec
  const [first] = ports
  if (first === undefined) return
  const prefix = variableName(name)
  const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP
  environment.set(`${prefix}_SERVICE_HOST`, clusterIP)
  environment.set(`${prefix}_SERVICE_PORT`, String(first.port))
  for (const port of ports) {
    if (port.name !== undefined && port.name !== '') {
      environment.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port))
    }
  }
  for (const [index, port] of ports.entries()) {
    const protocol = (port.protocol ?? 'TCP').toLowerCase()
    const url = `${protocol}://${host}:${port.port}`
    if (index === 0) environment.set(`${prefix}_PORT`, url)
    const own = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`
    environment.set(own, url)
    environment.set(`${own}_PROTO`, protocol)
    environment.set(`${own}_PORT`, String(port.port))
    environment.set(`${own}_ADDR`, clusterIP)
  }
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase()
}
