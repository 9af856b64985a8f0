/** A small controller: gives every namespace the ConfigMap `settings` that stands in `default`. */
import { configMaps } from 'k8ts/api/core/v1/configMap'
import { namespaces } from 'k8ts/api/core/v1/namespace'
import type { Client, Controller, Informers } from 'k8ts/client'

const source = 'default/settings'

export function settingsCopier(client: Client, informers: Informers): Controller {
  const [spaces, maps] = [informers.of(namespaces), informers.of(configMaps)]
  return {
    name: 'settings-copier',
    permissions: [
      { groups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
      { groups: [''], resources: ['configmaps'], verbs: ['list', 'watch', 'create', 'patch'] },
    ],
    watch(on) {
      on(spaces, ({ metadata }) => [metadata.name])
      on(maps, ({ metadata }) =>
        `${metadata.namespace}/${metadata.name}` === source
          ? spaces.list().map((space) => space.metadata.name)
          : metadata.name === 'settings'
            ? [metadata.namespace!]
            : [],
      )
    },
    async reconcile(name, signal) {
      const wanted = maps.get(source)
      if (wanted === undefined || name === 'default' || spaces.get(name)?.status?.phase !== 'Active') return
      await client.apply(
        configMaps,
        { metadata: { name: 'settings', namespace: name }, data: wanted.data ?? {} },
        { signal, force: true },
      )
    },
  }
}
