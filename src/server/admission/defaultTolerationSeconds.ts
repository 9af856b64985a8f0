import type { Pod } from '#api/core/v1/pod.ts'
import type { Toleration } from '#api/core/v1/scheduling.ts'
import type { AdmissionPlugin } from './chain.ts'

const seconds = 300
const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

/** Pods stay five minutes on a node that stops answering, unless they say something else. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit({ operation, resource, subresource, object }) {
    if (resource.group !== '' || resource.plural !== 'pods' || subresource !== '') return
    if (operation !== 'CREATE' && operation !== 'UPDATE') return
    const pod = object as Pod
    for (const key of taints) {
      const { spec } = pod
      const said = spec.tolerations?.some(
        (each) =>
          (each.key === key || (each.key ?? '') === '') && (each.effect === 'NoExecute' || (each.effect ?? '') === ''),
      )
      if (said === true) continue
      const added: Toleration = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: seconds }
      // An update may keep the very spec that is stored.
      pod.spec = { ...spec, tolerations: [...(spec.tolerations ?? []), added] }
    }
  },
}
