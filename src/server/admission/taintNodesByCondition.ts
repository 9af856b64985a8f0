import type { Node } from '#api/core/v1/node.ts'
import type { AdmissionPlugin } from './chain.ts'

const notReady = 'node.kubernetes.io/not-ready'

/** A new node takes no pods until its kubelet has said that it is ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  admit({ operation, resource, subresource, object }) {
    if (operation !== 'CREATE' || subresource !== '' || resource.group !== '' || resource.plural !== 'nodes') return
    const { spec } = object as Node
    const node = object as Node
    if (spec?.taints?.some(({ key, effect }) => key === notReady && effect === 'NoSchedule')) return
    node.spec = { ...spec, taints: [...(spec?.taints ?? []), { key: notReady, effect: 'NoSchedule' }] }
  },
}
