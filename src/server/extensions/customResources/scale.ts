import type { CustomResourceSubresourceScale } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { Scale } from '#api/autoscaling/v1/scale.ts'
import type { KubeObject } from '#api/resource.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'
import { internalError } from '#machinery/status.ts'
import type { Subresource } from '../../strategy.ts'
import { checkObject, valueAt, type CheckedForm } from './rules.ts'

/** The `scale` of a custom kind: its replicas, at the paths that the definition names. */
export function scaleSubresource(
  scale: CustomResourceSubresourceScale,
  formOf: (object: KubeObject) => CheckedForm,
): Subresource<KubeObject> {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = scale
  return {
    verbs: ['get', 'patch', 'update'],
    writes: [specReplicasPath.slice(1)],
    body: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    read(object): Scale {
      const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
      const replicas = valueAt(object, specReplicasPath)
      if (typeof replicas !== 'number')
        throw internalError(`the spec replicas field "${specReplicasPath}" does not exist`)
      const current = valueAt(object, statusReplicasPath)
      const selector = labelSelectorPath === '' ? undefined : valueAt(object, labelSelectorPath)
      return {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: {
          name,
          ...(namespace === undefined ? {} : { namespace }),
          ...(uid === undefined ? {} : { uid }),
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
          ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
        },
        spec: replicas === 0 ? {} : { replicas },
        status: {
          replicas: typeof current === 'number' ? current : 0,
          ...(typeof selector === 'string' && selector !== '' ? { selector } : {}),
        },
      }
    },
    write(object, body) {
      const names = specReplicasPath.slice(1).split('.')
      const last = names.pop()!
      let at = object as unknown as JsonObject
      for (const name of names) {
        if (!isObject(at[name])) setOwn(at, name, {})
        at = at[name] as JsonObject
      }
      setOwn(at, last, (body as Scale).spec?.replicas ?? 0)
    },
    validate: (object, old, report) => checkObject(formOf(object), object, old, report),
  }
}
