import { configMaps } from '#api/core/v1/configMap.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import type { Controller } from '#client/controller.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { isNamespaceEnding } from '../podWrites.ts'
import { certificateMap, planCertificate } from './plan.ts'

/** Keeps the cluster's root certificate in every namespace, for the pods to trust the API server by. */
export function rootCertificateController(context: ControllerContext): Controller {
  const { client, clock, config, metrics } = context
  const copies = context.informers.of(namespaces)
  const maps = context.informers.of(configMaps, { fieldSelector: `metadata.name=${certificateMap}` })
  const publish = async (name: string, signal: AbortSignal): Promise<void> => {
    const namespace = copies.get(name)
    if (namespace === undefined || namespace.status?.phase === 'Terminating') return
    const plan = planCertificate(name, maps.get(`${name}/${certificateMap}`), config.rootCertificate)
    if (plan.do === 'nothing') return
    try {
      if (plan.do === 'create') await client.create(configMaps, plan.map, { signal })
      else await client.update(configMaps, plan.map, { signal })
    } catch (error) {
      if (isReason(error, 'AlreadyExists') || isReason(error, 'NotFound') || isNamespaceEnding(error)) return
      throw error
    }
  }

  return {
    name: 'root-ca-cert-publisher',
    queue: 'root_ca_cert_publisher',
    permissions: [
      { groups: [''], resources: ['configmaps'], verbs: ['create', 'update', 'list', 'watch'] },
      { groups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
    ],
    watch(on) {
      on(copies, ({ metadata }) => [metadata.name])
      on(maps, ({ metadata }) => [metadata.namespace ?? ''])
    },
    async reconcile(name, signal) {
      const started = clock.now()
      try {
        await publish(name, signal)
        metrics.rootCertificates.synced(clock.now() - started)
      } catch (error) {
        metrics.rootCertificates.synced(clock.now() - started, error)
        throw error
      }
    },
  }
}
