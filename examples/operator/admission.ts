// What is said about a site before it is written, and what no schema can say.
import { keyOf, type Asked, type Lister, type Verdict } from 'k8ts/client'
import type { Site } from './site.ts'

/** Gives a site without a host one. */
export function complete({ object, namespace }: Asked<Site>): Site | undefined {
  if (object === undefined || object.spec.host !== undefined) return undefined
  const name = object.metadata.name ?? object.metadata.generateName ?? 'site'
  return { ...object, spec: { ...object.spec, host: `${name}.${namespace}.example.com` } }
}

/** Refuses a host that another site has. The copy may lag a moment behind: this spares people mistakes, it is no lock. */
export function judge({ object, old }: Asked<Site>, known: Lister<Site>): Verdict | undefined {
  if (object === undefined) return undefined
  const { host, pages, replicas } = object.spec
  if (host !== old?.spec.host) {
    const other = known.byIndex('host', host).find(({ metadata }) => keyOf(metadata) !== keyOf(object.metadata))
    if (other !== undefined) return { denied: `${host} is the host of site ${keyOf(other.metadata)}` }
  }
  if (replicas === 0) return { warnings: [`nobody serves ${host} with spec.replicas: 0`] }
  return pages['index.html'] === '' ? { warnings: ['index.html is empty'] } : undefined
}
