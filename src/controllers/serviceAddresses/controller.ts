import { services } from '#api/core/v1/service.ts'
import { ipAddresses } from '#api/networking/v1/ipAddress.ts'
import { serviceCIDRs, type ServiceCIDR } from '#api/networking/v1/serviceCIDR.ts'
import type { Controller, Outcome } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { addressesOf, planAddress, planBlock } from './plan.ts'

const byAddress = 'clusterAddresses'
/** Keys of blocks, beside addresses. */
const blockPrefix = 'block:'
/** A look at a block that goes is one at all addresses. */
const quietMs = 200

/** Shows which addresses services have, and keeps the blocks that they need. */
export function serviceAddressController({ client, clock, informers }: ControllerContext): Controller {
  const users = informers.of(services)
  const addresses = informers.of(ipAddresses)
  const blocks = informers.of(serviceCIDRs)
  users.addIndex(byAddress, addressesOf)

  const tendBlock = async (name: string, signal: AbortSignal): Promise<Outcome> => {
    const block = blocks.get(name)
    if (block === undefined) return
    const isGoing = block.metadata.deletionTimestamp !== undefined
    const { status, finalizers, after } = planBlock(block, blocks.list(), isGoing ? addresses.list() : [], clock.now())
    let current: ServiceCIDR | undefined = block
    if (finalizers !== undefined) {
      const { resourceVersion } = block.metadata
      const body = { metadata: { resourceVersion, finalizers } }
      current = await unlessGone(client.patch(serviceCIDRs, block.metadata, { type: 'merge', body }, { signal }))
    }
    if (status !== undefined && current !== undefined)
      await unlessGone(writeStatus(client, serviceCIDRs, current, status, signal))
    return { quiet: quietMs, ...(after === undefined ? {} : { after }) }
  }

  return {
    name: 'service-cidrs-controller',
    queue: 'ipaddresses',
    permissions: [
      { groups: [''], resources: ['services'], verbs: ['list', 'watch'] },
      {
        groups: ['networking.k8s.io'],
        resources: ['servicecidrs'],
        verbs: ['get', 'list', 'patch', 'update', 'watch'],
      },
      { groups: ['networking.k8s.io'], resources: ['servicecidrs/status'], verbs: ['patch', 'update'] },
      { groups: ['networking.k8s.io'], resources: ['ipaddresses'], verbs: ['create', 'delete', 'list', 'watch'] },
    ],
    watch(on) {
      on(users, addressesOf)
      const going = (): string[] =>
        blocks
          .list({ matches: ({ metadata }) => metadata.deletionTimestamp !== undefined })
          .map(({ metadata }) => blockPrefix + metadata.name)
      on(addresses, ({ metadata }) => [metadata.name, ...going()])
      on(blocks, ({ metadata }) => [blockPrefix + metadata.name, ...going()])
    },
    async reconcile(key, signal) {
      if (key.startsWith(blockPrefix)) return tendBlock(key.slice(blockPrefix.length), signal)
      const plan = planAddress(key, users.byIndex(byAddress, key), addresses.get(key))
      try {
        if (plan.do === 'create') await client.create(ipAddresses, plan.address, { signal })
        else if (plan.do === 'delete') {
          const options = { preconditions: { uid: plan.uid }, signal }
          await unlessGone(client.delete(ipAddresses, { name: key }, options))
        }
      } catch (error) {
        // Somebody was faster; what they did comes along and is looked at.
        if (!isReason(error, 'AlreadyExists') && !isReason(error, 'Conflict')) throw error
      }
      return undefined
    },
  }
}
