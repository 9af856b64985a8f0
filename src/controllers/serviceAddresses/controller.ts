import { services } from '#api/core/v1/service.ts'
import { ipAddresses } from '#api/networking/v1/ipAddress.ts'
import { serviceCIDRs } from '#api/networking/v1/serviceCIDR.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { addressesOf, planAddress, planBlock } from './plan.ts'

const byAddress = 'clusterAddresses'
/** Keys of blocks, beside addresses. */
const blockPrefix = 'block:'

/** Shows which addresses services have, and which blocks they come from. */
export function serviceAddressController({ client, clock, informers }: ControllerContext): Controller {
  const users = informers.of(services)
  const addresses = informers.of(ipAddresses)
  const blocks = informers.of(serviceCIDRs)
  users.addIndex(byAddress, addressesOf)

  const showBlock = async (name: string, signal: AbortSignal): Promise<void> => {
    const block = blocks.get(name)
    const status = block && planBlock(block, clock.now())
    if (block === undefined || status === undefined) return
    await unlessGone(writeStatus(client, serviceCIDRs, block, status, signal))
  }

  return {
    name: 'service-cidrs-controller',
    permissions: [
      { groups: [''], resources: ['services'], verbs: ['list', 'watch'] },
      { groups: ['networking.k8s.io'], resources: ['servicecidrs'], verbs: ['list', 'watch'] },
      { groups: ['networking.k8s.io'], resources: ['servicecidrs/status'], verbs: ['patch', 'update'] },
      { groups: ['networking.k8s.io'], resources: ['ipaddresses'], verbs: ['create', 'delete', 'list', 'watch'] },
    ],
    watch(on) {
      on(users, addressesOf)
      on(addresses, ({ metadata }) => [metadata.name])
      on(blocks, ({ metadata }) => [blockPrefix + metadata.name])
    },
    async reconcile(key, signal) {
      if (key.startsWith(blockPrefix)) return showBlock(key.slice(blockPrefix.length), signal)
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
