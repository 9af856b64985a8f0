/**
 * Follows the ConfigMap `coredns` of `kube-system`, where people configure the DNS of a cluster: its entry `Corefile`. Without
 * it the usual one is in force; one that cannot be read changes nothing but is told about.
 */
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import type { EventRecorder } from '#client/events.ts'
import { referenceTo } from '#client/events.ts'
import type { Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import type { Logger } from '#lib/log.ts'
import { messageOf } from '#lib/errorText.ts'

import { readCorefile, usualCorefile } from './corefile/corefile.ts'
import type { ServerSettings } from './corefile/settings.ts'

export const configurationName = { namespace: 'kube-system', name: 'coredns' } as const
const entry = 'Corefile'

export interface ConfigurationOptions {
  readonly informers: Pick<Informers, 'of'>
  /** The cluster's domain, for the usual Corefile. */
  readonly domain: string
  readonly log: Logger
  /** Tells people at the ConfigMap what is wrong; absent where another node does. */
  readonly events?: EventRecorder
  /** Told of each Corefile that cannot be read. */
  failed?(): void
}

export interface Configuration {
  /** What is in force. */
  readonly servers: readonly ServerSettings[]
  synced(signal: AbortSignal): Promise<void>
  /** Calls back after what is in force has changed. */
  onChange(handle: () => void): Disposable
}

export function followConfiguration(options: ConfigurationOptions): Configuration {
  const { domain, log, events } = options
  const informer: Informer<ConfigMap> = options.informers.of(configMaps, {
    namespace: configurationName.namespace,
    fieldSelector: `metadata.name=${configurationName.name}`,
  })
  const usual = usualCorefile(domain)
  const handlers = new Set<() => void>()
  let text = ''
  let servers = readCorefile(usual)

  const take = (object: ConfigMap | undefined): void => {
    const entries = object?.data ?? {}
    const corefile = object === undefined ? usual : entries[entry]
    const next = JSON.stringify([corefile, entries])
    if (next === text) return
    text = next
    try {
      if (corefile === undefined) throw new Error(`it has no entry ${entry}`)
      servers = readCorefile(corefile, entries)
      log.info('The Corefile is in force', { from: object === undefined ? 'usual' : 'kube-system/coredns' })
    } catch (error) {
      const problem = messageOf(error)
      log.error('The Corefile of ConfigMap kube-system/coredns cannot be read; the one before stays in force', {
        problem,
      })
      if (object !== undefined)
        events?.record(referenceTo(configMaps, object), {
          type: 'Warning',
          reason: 'InvalidCorefile',
          message: `${problem}; the Corefile before it stays in force`,
        })
      options.failed?.()
      return
    }
    for (const handle of handlers) handle()
  }
  informer.onChange(({ new: object }) => take(object))

  return {
    get servers() {
      return servers
    },
    synced: (signal) => informer.synced(signal),
    onChange(handle) {
      handlers.add(handle)
      return { [Symbol.dispose]: () => void handlers.delete(handle) }
    },
  }
}
