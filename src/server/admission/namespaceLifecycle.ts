import { namespaces } from '#api/core/v1/namespace.ts'
import { failure, forbidden, notFound } from '#machinery/status.ts'
import { nameOf, type AdmissionPlugin, type AdmissionRequest, type ClusterView } from './chain.ts'

const immortal = new Set(['default', 'kube-system', 'kube-public'])

/** Nothing is created in a namespace that is missing or going; three namespaces never go. */
export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  async admit(request, cluster) {
    if (isNamespace(request)) {
      if (request.operation === 'DELETE' && immortal.has(request.name)) {
        throw forbidden(namespaces, request.name, 'this namespace may not be deleted')
      }
      return
    }
    if (request.namespace === '' || request.operation === 'DELETE' || request.operation === 'CONNECT') return
    const namespace = await findNamespace(request.namespace, cluster)
    if (namespace === undefined) throw notFound(namespaces, request.namespace)
    if (request.operation !== 'CREATE' || namespace.status?.phase !== 'Terminating') return
    const why = `unable to create new content in namespace ${request.namespace} because it is being terminated`
    const error = forbidden(request.resource, nameOf(request), why)
    throw failure('Forbidden', error.message, {
      ...error.status.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${request.namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    })
  },
}

const isNamespace = ({ resource }: AdmissionRequest): boolean =>
  resource.group === '' && resource.plural === 'namespaces'

/** The cache may be a moment behind a namespace that was just created. */
async function findNamespace(name: string, cluster: ClusterView): Promise<{ status?: { phase?: string } } | undefined> {
  const found = cluster.get(namespaces, '', name)
  if (found !== undefined) return found
  await cluster.current()
  return cluster.get(namespaces, '', name)
}
