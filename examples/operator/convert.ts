// From version to version, without losing anything on the way there and back.
import type { KubeObject } from 'k8ts/client'
import type { BetaSite, Site } from './site.ts'

const v1 = 'sites.example.com/v1'
const v1beta1 = 'sites.example.com/v1beta1'

/** Keeps the pages that v1beta1 has no field for. */
const morePages = 'sites.example.com/more-pages'

export function convertSite(object: KubeObject, apiVersion: string): KubeObject {
  if (object.apiVersion === v1 && apiVersion === v1beta1) return toBeta(object as Site)
  if (object.apiVersion === v1beta1 && apiVersion === v1) return fromBeta(object as BetaSite)
  throw new Error(`cannot convert ${object.apiVersion} to ${apiVersion}: there are ${v1} and ${v1beta1}`)
}

function toBeta(site: Site): BetaSite {
  const { host, replicas, pages } = site.spec
  const { 'index.html': html = '', ...more } = pages
  return {
    ...site,
    apiVersion: v1beta1,
    metadata: withAnnotation(site, Object.keys(more).length === 0 ? undefined : JSON.stringify(more)),
    spec: { host, copies: replicas, html },
  }
}

function fromBeta(site: BetaSite): Site {
  const { host, copies, html } = site.spec
  const more = JSON.parse(site.metadata.annotations?.[morePages] ?? '{}') as Record<string, string>
  return {
    ...site,
    apiVersion: v1,
    metadata: withAnnotation(site, undefined),
    spec: { host, replicas: copies, pages: { 'index.html': html, ...more } },
  }
}

function withAnnotation({ metadata }: KubeObject, text: string | undefined): KubeObject['metadata'] {
  const { annotations: { [morePages]: _, ...rest } = {}, ...others } = metadata
  const annotations = text === undefined ? rest : { ...rest, [morePages]: text }
  return Object.keys(annotations).length === 0 ? others : { ...others, annotations }
}
