import { resourceQuotas, type ResourceQuota } from '#api/core/v1/resourceQuota.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Controller } from '#client/controller.ts'
import { discover } from '#client/discovery.ts'
import type { Change, Informer } from '#client/informer.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { countedResource, evaluatorOf, measuredResources } from '#machinery/quota/evaluators.ts'
import type { QuotaEvaluator } from '#machinery/quota/evaluator.ts'
import { qualifiedName } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { computeUsage, isNew, measuredNames, planStatus, type Measured } from './plan.ts'

/** How long a quota must have been left alone before used amounts are lowered: writes that it paid for are done by then. */
const settleMilliseconds = 1_000
/** Every quota is counted anew this often, whatever happened. */
const recountMilliseconds = 300_000
/** Kinds that a quota names may come later, with CustomResourceDefinitions. */
const discoverAgainMilliseconds = 30_000

/** One resource that some quota limits. */
interface Source {
  readonly evaluator: QuotaEvaluator
  readonly informer: Informer<KubeObject>
}

/** Counts what namespaces use, for quotas that are new or changed and after objects have gone. */
export function resourceQuotaController(context: ControllerContext): Controller {
  const { client, clock, informers } = context
  const quotas = informers.of(resourceQuotas)
  const sources = new Map<string, Source>()
  /** When each quota was last written, as far as this controller knows. */
  const written = new Map<string, { readonly revision: string; readonly at: number }>()
  let lookAt: (key: string) => void = () => {}

  /** An object that is gone, or uses less, may make room for others at once. */
  const refund = (evaluator: QuotaEvaluator, { old, new: now }: Change<KubeObject>): void => {
    if (old === undefined) return
    const concerned = quotas.byIndex('namespace', old.metadata.namespace ?? '')
    if (concerned.length === 0) return
    const usage = (object: KubeObject): object => evaluator.usage(object, clock.now())
    if (now !== undefined && sameJson(usage(old), usage(now))) return
    for (const { metadata } of concerned) lookAt(keyOf(metadata))
  }

  const follow = (resource: Resource<any>, evaluator: QuotaEvaluator, whole: boolean): void => {
    const name = qualifiedName(resource)
    if (sources.has(name)) return
    const informer = (whole ? informers.of(resource) : informers.metadataOf(resource)) as Informer<KubeObject>
    sources.set(name, { evaluator, informer })
    informer.onChange((change) => refund(evaluator, change))
  }

  /** Begins to follow what a quota limits. False when one of its kinds is not served. */
  const followAll = async ({ spec }: ResourceQuota, signal: AbortSignal): Promise<boolean> => {
    const names = Object.keys(spec.hard ?? {})
    for (const [resource, evaluator] of measuredResources) {
      if (names.some((name) => evaluator.measures(name))) follow(resource, evaluator, true)
    }
    const wanted = names
      .flatMap((name) => countedResource(name) ?? [])
      .filter((resource) => !sources.has(qualifiedName(resource)))
    if (wanted.length === 0) return true
    const { resources } = await discover(client.transport, signal)
    let all = true
    for (const { group, plural } of wanted) {
      const served = resources.find((each) => each.preferred && each.group === group && each.plural === plural)
      const evaluator = evaluatorOf({ group, plural })
      if (served === undefined || served.scope !== 'Namespaced') all = false
      else if (evaluator !== undefined) follow(served, evaluator, false)
    }
    return all
  }

  const isSettled = (key: string, { metadata }: ResourceQuota): boolean => {
    const known = written.get(key)
    const revision = metadata.resourceVersion ?? ''
    if (known?.revision !== revision) {
      written.set(key, { revision, at: clock.now() })
      return false
    }
    return clock.now() - known.at >= settleMilliseconds
  }

  return {
    name: 'resourcequota-controller',
    queue: 'resourcequota_primary',
    permissions: [
      { groups: ['*'], resources: ['*'], verbs: ['list', 'watch'] },
      { groups: [''], resources: ['resourcequotas/status'], verbs: ['update'] },
    ],
    watch(on, add) {
      lookAt = add
      on(quotas, ({ metadata }) => [keyOf(metadata)])
    },
    async reconcile(key, signal) {
      const quota = quotas.get(key)
      if (quota === undefined) {
        written.delete(key)
        return
      }
      const allServed = await followAll(quota, signal)
      const followed = [...sources.values()]
      const settled = isSettled(key, quota)
      const names = measuredNames(
        quota,
        followed.map(({ evaluator }) => evaluator),
      )
      if (!settled && !isNew(quota, names)) return { after: settleMilliseconds }
      await Promise.all(followed.map(({ informer }) => informer.synced(signal)))
      const { namespace = '' } = quota.metadata
      const measured = followed.map(({ evaluator, informer }): Measured => ({
        evaluator,
        objects: informer.byIndex('namespace', namespace),
      }))
      const status = planStatus(quota, computeUsage(quota, measured, clock.now()), settled)
      if (status !== undefined) await unlessGone(client.updateStatus(resourceQuotas, { ...quota, status }, { signal }))
      if (!settled) return { after: settleMilliseconds }
      return { after: allServed ? recountMilliseconds : discoverAgainMilliseconds }
    },
  }
}

function keyOf({ namespace = '', name }: KubeObject['metadata']): string {
  return `${namespace}/${name}`
}
