import { nodes } from '#api/core/v1/node.ts'
import type { Client } from '#client/client.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { untilAborted } from '#lib/async/abort.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'

const checkEvery = 100
const body = { metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } } }

/** Marks the control plane's node, once its agent has registered it: agents may not give themselves a role. */
export function controlPlaneNodeComponent(options: {
  readonly client: Client
  readonly clock: Clock
  readonly node: string
}): Component {
  const { client, clock, node: name } = options
  return {
    name: 'control-plane-node',
    needs: ['bootstrap-objects'],
    async run(ready, signal) {
      const mark = () => unlessGone(client.patch(nodes, { name }, { type: 'merge', body }, { signal }))
      while (!signal.aborted && (await mark()) === undefined) await clock.sleep(checkEvery, signal).catch(() => {})
      ready()
      await untilAborted(signal)
    },
  }
}
