import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeIp } from '#lib/host/netlink.ts'
import { fakeProcesses } from '#lib/host/process.ts'
import { placeLayout } from './layout.ts'
import { ensurePluginFolders, removePluginFolders } from './pluginFolders.ts'
import { podNetwork } from './podNetwork.ts'

const layout = placeLayout('lab', 'worker')
const own = `${layout.cniFolder}/10-pods.conflist`
const wanted = { podRanges: ['10.244.1.0/24'], podMtu: 1450 }
const { signal } = new AbortController()

async function node({ enabled = true, shapes = false, links = [] as Record<string, unknown>[], containers = '' } = {}) {
  const clock = new SimulatedClock()
  const files = fakeFiles()
  await files.makeFolder(layout.cniFolder)
  await files.makeFolder(`${layout.addressFolder}/pods`)
  const shown = [...links]
  const ip = { ...fakeIp(), show: async () => shown }
  const processes = {
    ...fakeProcesses(),
    run: async () => ({ code: 0, stdout: containers, stderr: '', signal: null }) as never,
  }
  const host = fakeHost(clock, { files, ip: () => ip, processes })
  const said: string[] = []
  const network = podNetwork({ host, layout, enabled, shapes, log: (message) => void said.push(message) })
  const foreign = (name: string) => files.write(`${layout.cniFolder}/${name}`, '{}')
  return { clock, files, ip, shown, said, network, foreign }
}

describe('the network of pods', () => {
  it('is ours where nobody configures another', async () => {
    const { network, files, said } = await node()
    assert.equal(await network.apply(wanted, signal), true)
    assert.match((await files.readText(own))!, /"mtu": 1450/)
    assert.deepEqual(said, [])
  })

  it('shapes traffic where it is asked to', async () => {
    const { network, files } = await node({ shapes: true })
    await network.apply(wanted, signal)
    const { plugins } = JSON.parse((await files.readText(own))!) as { plugins: { type: string }[] }
    assert.deepEqual(plugins.at(-1), { type: 'bandwidth', capabilities: { bandwidth: true } })
  })

  it('steps aside for another, and is there for its pods until the last is gone', async () => {
    const { network, files, foreign, said, shown, ip } = await node({
      links: [{ ifname: 'cni0' }, { ifname: 'veth1', master: 'cni0' }],
    })
    await network.apply(wanted, signal)
    await files.write(`${layout.addressFolder}/pods/10.244.1.2`, 'sandbox\r\neth0')
    await foreign('20-people.conflist')
    assert.equal(await network.apply(wanted, signal), true)
    assert.equal(await files.readText(own), undefined)
    assert.match(said.join(), /^Another network plugin is configured/)
    shown.pop()
    assert.equal(await network.apply(wanted, signal), false)
    assert.deepEqual(ip.commands, ['link delete cni0'])
    assert.deepEqual(await files.list(layout.addressFolder), [])
    await network.apply(wanted, signal)
    assert.equal(said.length, 1)
  })

  it('comes back when the other one goes, without the addresses of pods that are gone', async () => {
    const { network, files, foreign, said } = await node({ containers: 'alive\n' })
    await foreign('05-people.conf')
    await network.apply(wanted, signal)
    await files.makeFolder(`${layout.addressFolder}/pods`)
    await files.write(`${layout.addressFolder}/pods/10.244.1.2`, 'alive\r\neth0')
    await files.write(`${layout.addressFolder}/pods/10.244.1.3`, 'gone\r\neth0')
    await files.write(`${layout.addressFolder}/pods/last_reserved_ip.0`, '10.244.1.3')
    await files.remove(`${layout.cniFolder}/05-people.conf`)
    assert.equal(await network.apply(wanted, signal), true)
    assert.notEqual(await files.readText(own), undefined)
    assert.deepEqual(await files.list(`${layout.addressFolder}/pods`), ['10.244.1.2', 'last_reserved_ip.0'])
    assert.match(said.at(-1)!, /^No other network plugin is configured any more/)
  })

  it('is none of ours where people install their own', async () => {
    const { network, files } = await node({ enabled: false })
    assert.equal(await network.apply(wanted, signal), false)
    assert.equal(await files.readText(own), undefined)
  })

  it('tells when a configuration comes, goes, or the last pod leaves', async () => {
    const { network, clock, files, foreign, shown } = await node({
      links: [{ ifname: 'cni0' }, { ifname: 'veth1', master: 'cni0' }],
    })
    const isTold = async (act: () => unknown): Promise<boolean> => {
      let told = false
      const stop = new AbortController()
      const changed = network.changed(stop.signal).then(
        () => (told = true),
        () => {},
      )
      await act()
      await clock.advance(3_000)
      stop.abort()
      await changed
      return told
    }
    await network.apply(wanted, signal)
    assert.equal(await isTold(() => {}), false)
    assert.equal(await isTold(() => files.write(`${layout.cniFolder}/README`, '')), false)
    assert.equal(await isTold(() => files.remove(own)), true)
    await network.apply(wanted, signal)
    assert.equal(await isTold(() => foreign('10-flannel.conflist')), true)
    await network.apply(wanted, signal)
    assert.equal(await isTold(() => {}), false)
    assert.equal(await isTold(() => shown.pop()), true)
  })
})

describe('the folders of network plugins', () => {
  const roots = { runtime: '/run/k8ts', data: '/var/lib/k8ts' }
  it('are made where the machine has none, and taken away with the last cluster', async () => {
    const files = fakeFiles({ '/opt/cni/other': '' })
    await ensurePluginFolders(files, roots)
    await ensurePluginFolders(files, roots)
    assert.notEqual(await files.status('/etc/cni/net.d'), undefined)
    await files.makeFolder('/run/k8ts/second/.ns')
    await removePluginFolders(files, roots)
    assert.notEqual(await files.status('/etc/cni/net.d'), undefined)
    await files.remove('/run/k8ts/second')
    await removePluginFolders(files, roots)
    for (const folder of ['/etc/cni', '/opt/cni/bin', '/run/flannel', '/var/lib/calico'])
      assert.equal(await files.status(folder), undefined, folder)
    assert.notEqual(await files.status('/opt/cni'), undefined)
    assert.deepEqual(await files.list('/run/k8ts'), [])
  })
})
