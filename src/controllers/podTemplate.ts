import type { Pod } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Draft } from '#client/client.ts'
import { controllerReference } from '#machinery/owners.ts'

/** A pod as its owner's template describes it, named by the server. */
export function podFromTemplate<O extends KubeObject>(
  template: PodTemplateSpec,
  owner: { readonly resource: Resource<O>; readonly object: O },
): Draft<Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {}
  const { name, namespace } = owner.object.metadata
  return {
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner.object, owner.resource)],
    },
    spec: template.spec,
  }
}
