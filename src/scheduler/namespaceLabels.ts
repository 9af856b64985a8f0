import { namespaces } from '#api/core/v1/namespace.ts'
import type { Informers } from '#client/informers.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { NamespaceLabels } from '#scheduler/plugins/affinityTerms.ts'

/** The labels of all namespaces, as of now. */
export function namespaceLabels(informers: Informers): NamespaceLabels {
  const informer = informers.of(namespaces)
  let version = 0
  informer.onChange(({ old, new: now }) => {
    if (old === undefined || now === undefined || !sameJson(old.metadata.labels, now.metadata.labels)) version++
  })
  return {
    get version() {
      return version
    },
    get names() {
      return informer.list().map(({ metadata }) => metadata.name)
    },
    labelsOf: (namespace) => {
      const known = informer.get(namespace)
      return known === undefined ? undefined : (known.metadata.labels ?? {})
    },
  }
}
