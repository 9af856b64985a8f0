import type { Scale } from '#api/autoscaling/v1/scale.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { KubeObject } from '#api/resource.ts'
import { formatLabelSelector, requirementsOf } from '#machinery/labelSelector.ts'
import { checkAtLeast } from '#resources/rules.ts'
import type { Subresource } from '#server/strategy.ts'

/** Where a kind keeps what its `scale` shows. */
export interface ScalePaths<T> {
  selector(object: T): LabelSelector | undefined
  replicas(object: T): number | undefined
  /** Pods that there are, as the status says. */
  current(object: T): number | undefined
  set(object: T, replicas: number): void
}

/** The `scale` of a kind that runs a number of pods: its count, behind a shape that is the same for all of them. */
export function scaleSubresource<T extends KubeObject>(paths: ScalePaths<T>): Subresource<T> {
  return {
    verbs: ['get', 'update', 'patch'],
    writes: ['spec.replicas'],
    body: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    read(object): Scale {
      const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata as Scale['metadata']
      const selector = paths.selector(object)
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
        spec: paths.replicas(object) === undefined ? {} : { replicas: paths.replicas(object)! },
        status: {
          replicas: paths.current(object) ?? 0,
          ...(selector === undefined ? {} : { selector: formatLabelSelector(requirementsOf(selector)) }),
        },
      }
    },
    write(object, body) {
      paths.set(object, (body as Scale).spec?.replicas ?? 0)
    },
    validate(object, _old, report) {
      checkAtLeast(report.at('spec', 'replicas'), 0, paths.replicas(object))
    },
  }
}
