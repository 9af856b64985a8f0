import type { KubeObject, Resource } from '#api/resource.ts'
import { qualifiedName } from '#machinery/status.ts'
import type { PodLike } from './check.ts'

/** An object with a template of pods at one of the usual places. */
interface Templated extends KubeObject {
  readonly template?: PodLike
  readonly spec?: {
    readonly template?: PodLike
    readonly jobTemplate?: { readonly spec?: { readonly template?: PodLike } }
  }
}

const inSpec = ({ spec }: Templated): PodLike | undefined => spec?.template

const templates: Readonly<Record<string, (object: Templated) => PodLike | undefined>> = {
  replicationcontrollers: inSpec,
  podtemplates: ({ template }) => template,
  'replicasets.apps': inSpec,
  'deployments.apps': inSpec,
  'statefulsets.apps': inSpec,
  'daemonsets.apps': inSpec,
  'jobs.batch': inSpec,
  'cronjobs.batch': ({ spec }) => spec?.jobTemplate?.spec?.template,
}

/** Whether objects of this resource say what pods will look like. */
export function hasTemplate(resource: Pick<Resource, 'group' | 'plural'>): boolean {
  return Object.hasOwn(templates, qualifiedName(resource))
}

/** The pods that an object will lead to; undefined where it has no template. */
export function templateOf(resource: Pick<Resource, 'group' | 'plural'>, object: KubeObject): PodLike | undefined {
  return templates[qualifiedName(resource)]?.(object as Templated)
}
