// The loop. It looks at what is, never at what happened, so every step may be done again: after a crash, a restart of the
// server, a change of leaders.
import { configMaps } from 'k8ts/api/core/v1/configMap'
import { deployments } from 'k8ts/api/apps/v1/deployment'
import {
  addFinalizer,
  controllerOf,
  keyOf,
  referenceTo,
  removeFinalizer,
  unlessGone,
  writeStatus,
  type Controller,
  type KubeObject,
  type OperatorContext,
  type Permission,
} from 'k8ts/client'
import { lastTurn, type Ledger } from './ledger.ts'
import { digestOf, ownSelector, planObjects, planStatus } from './plan.ts'
import { sites, type Site } from './site.ts'

export const finalizer = 'sites.example.com/published'

export const permissions: readonly Permission[] = [
  { groups: [sites.group], resources: ['sites'], verbs: ['get', 'list', 'watch', 'patch'] },
  { groups: [sites.group], resources: ['sites/status'], verbs: ['patch'] },
  { groups: [sites.group], resources: ['sites/finalizers'], verbs: ['update'] },
  { groups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create', 'patch'] },
  { groups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch', 'create', 'patch'] },
]

export function siteController(context: OperatorContext, ledger: Ledger): Controller {
  const { client, informers, events, clock, leadership } = context
  const own = { labelSelector: ownSelector }
  const known = informers.of(sites)
  const ownPages = informers.of(configMaps, own)
  const servers = informers.of(deployments, own)

  /**
   * Acts outside of the cluster, where nothing can be taken back. Exactly once takes three: the finalizer, written before (a
   * site that is published cannot go unnoticed); a turn that is the same for every try and grows with every change (whoever
   * crashed between acting and noting it finds out that he had acted); and the fence of the leader's term.
   */
  async function act(site: Site, action: 'publish' | 'withdraw'): Promise<void> {
    const { uid, generation } = site.metadata
    const { host, pages } = site.spec
    const came = await ledger.append({
      subject: uid!,
      turn: action === 'publish' ? generation! : lastTurn,
      fence: leadership().fence,
      action,
      host,
      ...(action === 'publish' ? { content: digestOf(pages) } : {}),
    })
    if (came === 'known') return
    const reason = action === 'publish' ? 'Published' : 'Withdrawn'
    events.record(referenceTo(sites, site), { type: 'Normal', reason, message: `${reason} at ${host}` })
  }

  async function keep(read: Site, signal: AbortSignal): Promise<void> {
    const site = await addFinalizer(client, sites, read, finalizer, signal)
    // Applying the same again changes nothing. Our fields are ours: whoever changed them loses them (force).
    const { pages, server } = planObjects(site)
    await client.apply(configMaps, pages, { force: true, signal })
    const applied = await client.apply(deployments, server, { force: true, signal })
    // What the status tells is done is not even tried again.
    if (site.status?.publishedGeneration !== site.metadata.generation) await act(site, 'publish')
    // Only over the revision that was read: a Conflict says that there is something newer to look at.
    await writeStatus(client, sites, site, planStatus(site, applied, clock.now()), signal)
  }

  async function letGo(site: Site, signal: AbortSignal): Promise<void> {
    if (site.metadata.finalizers?.includes(finalizer) !== true) return
    await act(site, 'withdraw')
    await unlessGone(removeFinalizer(client, sites, site, finalizer, signal))
  }

  return {
    name: 'sites',
    permissions,
    watch(on) {
      on(known, ({ metadata }) => [keyOf(metadata)])
      // Whatever happens to what is ours, by whose hand ever, is looked at and put right.
      on(ownPages, siteOf)
      on(servers, siteOf)
    },
    async reconcile(key, signal) {
      const site = known.get(key)
      if (site === undefined) return
      await (site.metadata.deletionTimestamp === undefined ? keep(site, signal) : letGo(site, signal))
    },
  }
}

function siteOf(object: KubeObject): readonly string[] {
  const owner = controllerOf(object)
  return owner?.kind === sites.kind ? [keyOf({ ...object.metadata, name: owner.name })] : []
}
