import { Resolver } from 'node:dns'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { isNodesOwn } from '#ingress/nodesOwn.ts'

/** Names as the cluster's DNS knows them, which the machine's own need not; never addresses that only a node reaches. */
export function lookupThrough(nameServers: readonly string[]): LookupFunction {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  resolver.setServers(nameServers)
  return (name, options, done) => {
    const answer = (error: NodeJS.ErrnoException | null, found: readonly string[] = []): void => {
      const addresses = found.filter((address) => !isNodesOwn(address))
      if (error !== null || addresses.length === 0) return done(error ?? new Error(`no address for ${name}`), '', 0)
      if (options.all === true)
        return done(
          null,
          addresses.map((address) => ({ address, family: isIP(address) })),
        )
      done(null, addresses[0]!, isIP(addresses[0]!))
    }
    resolver.resolve4(name, (error, addresses) => {
      if (error === null) answer(null, addresses)
      else resolver.resolve6(name, answer)
    })
  }
}
