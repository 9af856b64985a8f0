// The kind that this operator serves: a small web site.
import { resource, type Condition, type KubeObject } from 'k8ts/client'

export interface Site extends KubeObject {
  spec: SiteSpec
  status?: SiteStatus
}

export interface SiteSpec {
  /** Where people find it; filled in when absent, and never changed. */
  host: string
  replicas: number
  /** HTML by file name; there is always an `index.html`. */
  pages: Record<string, string>
}

export interface SiteStatus {
  /** The generation that everything below speaks of. */
  observedGeneration?: number
  replicas?: number
  /** Finds its pods, for autoscalers. */
  selector?: string
  /** The generation that the world was told of last. */
  publishedGeneration?: number
  conditions?: Condition[]
}

export const sites = resource<Site>({
  group: 'sites.example.com',
  version: 'v1',
  kind: 'Site',
  plural: 'sites',
  scope: 'Namespaced',
})

/** As sites were first written: with one page. */
export interface BetaSite extends KubeObject {
  spec: { host: string; copies: number; html: string }
  status?: SiteStatus
}

export const betaSites = resource<BetaSite>({
  group: 'sites.example.com',
  version: 'v1beta1',
  kind: 'Site',
  plural: 'sites',
  scope: 'Namespaced',
})
