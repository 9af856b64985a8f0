import { namespaces, type Namespace } from '#api/core/v1/namespace.ts'
import { failure, forbidden, notFound } from '#machinery/status.ts'
import { nameOf, type AdmissionPlugin, type AdmissionRequest } from './chain.ts'

const immortal = new Set(['default', 'kube-system', 'kube-public'])

/** Nothing is created in a namespace that is missing or going; three namespaces never go. */
export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  admit(request, cluster) {
    if (isNamespace(request)) {
      if (request.operation === 'DELETE' && immortal.has(request.name)) {
        throw forbidden(namespaces, request.name, 'this namespace may not be deleted')
      }
      return undefined
    }
    const { operation, namespace } = request
    if (namespace === '' || operation === 'DELETE' || operation === 'CONNECT') return undefined
    const found = cluster.get(namespaces, '', namespace)
    if (found !== undefined) return checkNamespace(request, found)
    // The cache may be a moment behind a namespace that was just created.
    return cluster.current().then(() => checkNamespace(request, cluster.get(namespaces, '', namespace)))
  },
}

function checkNamespace(request: AdmissionRequest, found: Namespace | undefined): void {
  const { operation, namespace } = request
  if (found === undefined) throw notFound(namespaces, namespace)
  if (operation !== 'CREATE' || found.status?.phase !== 'Terminating') return
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`
  const error = forbidden(request.resource, nameOf(request), why)
  throw failure('Forbidden', error.message, {
    ...error.status.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  })
}

const isNamespace = ({ resource }: AdmissionRequest): boolean =>
  resource.group === '' && resource.plural === 'namespaces'
