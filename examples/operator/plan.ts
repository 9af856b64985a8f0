// What a site asks for, as objects: decided here, done elsewhere.
import { createHash } from 'node:crypto'
import type { Deployment } from 'k8ts/api/apps/v1/deployment'
import type { ConfigMap } from 'k8ts/api/core/v1/configMap'
import {
  conditionOf,
  controllerReference,
  timeText,
  withCondition,
  type Applied,
  type Condition,
  type ObjectMeta,
} from 'k8ts/client'
import { sites, type Site, type SiteStatus } from './site.ts'

const managedBy = 'app.kubernetes.io/managed-by'

/** Finds everything that belongs to a site, so that nothing else needs to be followed. */
export const ownSelector = `${managedBy}=site-operator`

const labelsOf = ({ metadata: { name } }: Site) => ({
  'app.kubernetes.io/name': 'site',
  'sites.example.com/site': name,
})

/** Names only what is ours to decide: server-side apply leaves all other fields to whoever sets them. */
export function planObjects(site: Site): { pages: Applied<ConfigMap>; server: Applied<Deployment> } {
  const { replicas, pages } = site.spec
  const labels = labelsOf(site)
  const metadata = {
    name: site.metadata.name,
    namespace: site.metadata.namespace!,
    labels: { ...labels, [managedBy]: 'site-operator' },
    // With its owner goes what it owns, by the hand of the garbage collector.
    ownerReferences: [controllerReference(site, sites)],
  } satisfies ObjectMeta
  return {
    pages: { metadata, data: pages },
    server: {
      metadata,
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          // Other pages are another template: they roll out.
          metadata: { labels, annotations: { 'sites.example.com/pages': digestOf(pages) } },
          spec: {
            containers: [
              {
                name: 'server',
                image: 'nginx:alpine',
                ports: [{ containerPort: 80 }],
                volumeMounts: [{ name: 'pages', mountPath: '/usr/share/nginx/html' }],
              },
            ],
            volumes: [{ name: 'pages', configMap: { name: site.metadata.name } }],
          },
        },
      },
    },
  }
}

/** What is told of a site that is applied as `server` and published. */
export function planStatus(site: Site, server: Deployment, now: number): SiteStatus {
  const generation = site.metadata.generation!
  const { observedGeneration, conditions, replicas = 0 } = server.status ?? {}
  const isSettled = observedGeneration === server.metadata.generation
  const available = isSettled ? conditionOf(conditions, 'Available') : undefined
  const common = { lastTransitionTime: timeText(now), observedGeneration: generation }
  const told: readonly Condition[] = [
    {
      type: 'Available',
      status: available?.status ?? 'Unknown',
      reason: available?.reason ?? 'Progressing',
      message: available?.message ?? 'The deployment has not caught up',
      ...common,
    },
    { type: 'Published', status: 'True', reason: 'Published', message: `At ${site.spec.host}`, ...common },
  ]
  return {
    observedGeneration: generation,
    publishedGeneration: generation,
    replicas,
    selector: Object.entries(labelsOf(site))
      .map(([label, value]) => `${label}=${value}`)
      .join(','),
    conditions: [...told.reduce<readonly Condition[]>(withCondition, site.status?.conditions ?? [])],
  }
}

export function digestOf(pages: Site['spec']['pages']): string {
  const ordered = Object.entries(pages).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(ordered)).digest('hex').slice(0, 16)
}
