import { services, type Service } from '#api/core/v1/service.ts'
import { countName, type QuotaEvaluator } from './evaluator.ts'

const counted = new Set([countName(services), 'services', 'services.nodeports', 'services.loadbalancers'])

/** Services use node ports and load balancers beside themselves. */
export const serviceEvaluator: QuotaEvaluator = {
  measures: (name) => counted.has(name),
  charges: (_operation, subresource) => subresource === '' || subresource === 'status',
  usage(object) {
    const { type, ports = [], allocateLoadBalancerNodePorts } = (object as Service).spec
    const isBalanced = type === 'LoadBalancer'
    const given = ports.filter(({ nodePort = 0 }) => nodePort !== 0).length
    const takesAll = type === 'NodePort' || (isBalanced && allocateLoadBalancerNodePorts !== false)
    return {
      [countName(services)]: '1',
      services: '1',
      'services.nodeports': String(takesAll ? ports.length : isBalanced ? given : 0),
      'services.loadbalancers': isBalanced ? '1' : '0',
    }
  },
  isInScope: () => false,
}
