import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { VxlanPlan } from './plan.ts'
import { planVxlan, type VxlanState } from './vxlan.ts'

const plan: VxlanPlan = {
  id: 89,
  port: 8472,
  device: 'eth0',
  local: '10.89.7.11',
  link: '0a:59:0a:59:07:0b',
  mtu: 1450,
  addresses: ['10.244.0.0/32'],
  peers: [{ link: '0a:59:0a:59:07:0c', endpoint: '10.89.7.12', gateways: ['10.244.1.0'] }],
}
const absent: VxlanState = { addresses: [], forwarding: [], neighbours: [] }
const link = {
  ifname: 'k8ts-vxlan',
  address: plan.link,
  mtu: 1450,
  flags: ['BROADCAST', 'UP'],
  linkinfo: { info_data: { id: 89, port: 8472, local: '10.89.7.11', link: 'eth0' } },
}
const whole: VxlanState = {
  link,
  addresses: ['10.244.0.0/32'],
  forwarding: [{ mac: '0a:59:0a:59:07:0c', dst: '10.89.7.12' }],
  neighbours: [{ dst: '10.244.1.0', lladdr: '0a:59:0a:59:07:0c' }],
}
const toPeer = {
  neighbour: 'neigh replace 10.244.1.0 lladdr 0a:59:0a:59:07:0c dev k8ts-vxlan nud permanent',
  forwarding: 'fdb replace 0a:59:0a:59:07:0c dev k8ts-vxlan dst 10.89.7.12',
}

describe('planVxlan', () => {
  test('makes the link and tells it the peers', () => {
    assert.deepEqual(planVxlan(absent, plan), {
      ip: [
        'link add k8ts-vxlan address 0a:59:0a:59:07:0b mtu 1450 type vxlan id 89 dstport 8472 local 10.89.7.11 dev eth0 nolearning',
        'link set k8ts-vxlan addrgenmode none',
        'link set k8ts-vxlan up',
        'address add 10.244.0.0/32 dev k8ts-vxlan',
        toPeer.neighbour,
      ],
      bridge: [toPeer.forwarding],
    })
  })
  test('has nothing to do where all is there', () => assert.deepEqual(planVxlan(whole, plan), { ip: [], bridge: [] }))
  test('takes a peer away that is gone', () => {
    assert.deepEqual(planVxlan(whole, { ...plan, peers: [] }), {
      ip: ['neigh delete 10.244.1.0 dev k8ts-vxlan'],
      bridge: ['fdb delete 0a:59:0a:59:07:0c dev k8ts-vxlan dst 10.89.7.12'],
    })
  })
  test('puts right what others deleted', () => {
    assert.deepEqual(planVxlan({ ...whole, forwarding: [], neighbours: [] }, plan), {
      ip: [toPeer.neighbour],
      bridge: [toPeer.forwarding],
    })
    assert.deepEqual(planVxlan({ ...whole, link: { ...link, flags: ['BROADCAST'], mtu: 1500 } }, plan).ip, [
      'link set k8ts-vxlan mtu 1450',
      'link set k8ts-vxlan up',
    ])
  })
  test('makes the link anew where it is another', () => {
    const other = planVxlan(whole, { ...plan, id: 90 })
    assert.equal(other.ip[0], 'link delete k8ts-vxlan')
    assert.match(other.ip[1]!, /^link add k8ts-vxlan .* id 90 /)
    assert.ok(other.ip.includes(toPeer.neighbour))
    assert.deepEqual(other.bridge, [toPeer.forwarding])
    assert.match(planVxlan(whole, { ...plan, addresses: ['10.244.9.0/32'] }).ip[0]!, /^link delete/)
  })
  test('takes the link away when there is no plan', () => {
    assert.deepEqual(planVxlan(whole, undefined), { ip: ['link delete k8ts-vxlan'], bridge: [] })
    assert.deepEqual(planVxlan(absent, undefined), { ip: [], bridge: [] })
  })
})
