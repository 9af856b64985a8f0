import assert from 'node:assert/strict'
import fs, { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'

import { systemClock } from '#lib/clock.ts'

import { cgroupsAt, findCgroupMounts, memoryOfMachine, weightOfShares } from './cgroup.ts'
import { fakeCgroups } from './fakeCgroups.ts'

const line = (target: string, type: string, options: string): string =>
  `30 20 0:26 / ${target} rw,relatime shared:9 - ${type} cgroup rw,${options}`

describe('findCgroupMounts', () => {
  it('sees a machine with version 2 alone', () => {
    const found = findCgroupMounts(line('/sys/fs/cgroup', 'cgroup2', 'nsdelegate'))
    assert.deepEqual(found, { version: 2, byController: new Map(), unified: '/sys/fs/cgroup' })
  })
  it('sees a hybrid machine, controllers mounted together, and named hierarchies', () => {
    const text = [
      line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
      line('/sys/fs/cgroup/memory', 'cgroup', 'memory'),
      line('/sys/fs/cgroup/systemd', 'cgroup', 'xattr,name=systemd'),
      line('/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate'),
    ].join('\n')
    assert.deepEqual(findCgroupMounts(text), {
      version: 1,
      byController: new Map([
        ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
        ['cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
        ['memory', '/sys/fs/cgroup/memory'],
        ['name=systemd', '/sys/fs/cgroup/systemd'],
      ]),
      unified: '/sys/fs/cgroup/unified',
    })
  })
  it('sees a machine with only named hierarchies of version 1 as version 2', () => {
    const text = [line('/sys/fs/cgroup', 'cgroup2', ''), line('/sys/fs/cgroup/systemd', 'cgroup', 'name=systemd')].join(
      '\n',
    )
    assert.equal(findCgroupMounts(text)?.version, 2)
  })
  it('finds nothing on a machine without', () => {
    assert.equal(findCgroupMounts('20 1 254:0 / / rw - ext4 /dev/vda rw'), undefined)
  })
})

describe('memoryOfMachine', () => {
  it('is what is not free', () => {
    assert.equal(
      memoryOfMachine('MemTotal:       1000 kB\nMemFree:         400 kB\nMemAvailable:    700 kB\n'),
      600 * 1024,
    )
  })
})

describe('weightOfShares', () => {
  for (const [shares, weight] of [
    [2, 1],
    [0, 1],
    [1024, 39],
    [262_144, 10_000],
    [999_999, 10_000],
  ] as const) {
    it(`${shares} shares are weight ${weight}`, () => assert.equal(weightOfShares(shares), weight))
  }
})

describe('cgroupsAt', () => {
  let root: string
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'cgroup-test-'))))
  afterEach(() => rmSync(root, { recursive: true }))
  const text = (path: string): string => readFileSync(join(root, path), 'utf8')

  it('makes, limits and reads a group of version 1 in every hierarchy', () => {
    for (const name of ['cpu', 'memory', 'pids', 'cpuset']) mkdirSync(join(root, name))
    const names = ['cpu', 'memory', 'pids', 'cpuset']
    const byController = new Map([
      ...names.map((name) => [name, join(root, name)] as const),
      ['cpuacct', join(root, 'cpu')] as const,
    ])
    const groups = cgroupsAt({ version: 1, byController, unified: undefined }, systemClock)
    groups.create('/k/pod')
    groups.limit('/k/pod', { cpuShares: 1024, cpuQuotaMicros: 50_000, memoryBytes: 1 << 20, pids: 100 })
    assert.equal(text('cpu/k/pod/cpu.shares'), '1024')
    assert.equal(text('cpu/k/pod/cpu.cfs_quota_us'), '50000')
    assert.equal(text('cpu/k/pod/cpu.cfs_period_us'), '100000')
    assert.equal(text('memory/k/pod/memory.limit_in_bytes'), '1048576')
    assert.equal(text('pids/k/pod/pids.max'), '100')
    writeFileSync(join(root, 'memory/k/pod/memory.usage_in_bytes'), '5000\n')
    writeFileSync(join(root, 'memory/k/pod/memory.stat'), 'total_inactive_file 2000\ntotal_rss 1500\ntotal_pgfault 4\n')
    writeFileSync(join(root, 'cpu/k/pod/cpuacct.usage'), '123456\n')
    writeFileSync(join(root, 'pids/k/pod/pids.current'), '3\n')
    assert.deepEqual(groups.usage('/k/pod'), {
      cpuNanoseconds: 123_456,
      memoryUsageBytes: 5000,
      memoryWorkingSetBytes: 3000,
      memoryRssBytes: 1500,
      pageFaults: 4,
      majorPageFaults: 0,
      pids: 3,
    })
    assert.equal(groups.usage('/k/none'), undefined)
  })

  it('gives every group of version 1 the processors of the one above, also where groups went away meanwhile', async () => {
    for (const name of ['cpuset', 'memory']) mkdirSync(join(root, name))
    for (const [name, value] of [
      ['cpuset.cpus', '0-1\n'],
      ['cpuset.mems', '0\n'],
    ] as const) {
      writeFileSync(join(root, 'cpuset', name), value)
      // The kernel makes the files with the folder.
      for (const folder of ['k', 'k/a', 'k/b', 'k/c']) {
        mkdirSync(join(root, 'cpuset', folder), { recursive: true })
        writeFileSync(join(root, 'cpuset', folder, name), '\n')
      }
    }
    const byController = new Map(['cpuset', 'memory'].map((name) => [name, join(root, name)] as const))
    const groups = cgroupsAt({ version: 1, byController, unified: undefined }, systemClock)
    groups.create('/k/a')
    groups.create('/k/b')
    for (const folder of ['k', 'k/a', 'k/b']) {
      assert.equal(text(`cpuset/${folder}/cpuset.cpus`), '0-1')
      assert.equal(text(`cpuset/${folder}/cpuset.mems`), '0')
    }
    assert.equal(groups.exists('/k/b'), true)
    rmSync(join(root, 'memory/k'), { recursive: true })
    groups.create('/k/c')
    assert.equal(groups.exists('/k/c'), true)
    assert.equal(text('cpuset/k/c/cpuset.cpus'), '0-1')
  })

  it('hands controllers down and writes the files of version 2', () => {
    writeFileSync(join(root, 'cgroup.controllers'), 'cpu memory pids rdma\n')
    writeFileSync(join(root, 'cgroup.subtree_control'), 'pids\n')
    const groups = cgroupsAt({ version: 2, byController: new Map(), unified: root }, systemClock)
    assert.deepEqual(groups.controllers(), ['cpu', 'memory', 'pids', 'rdma'])
    groups.create('/k')
    // A plain folder keeps the last write only; the kernel adds up.
    assert.equal(text('cgroup.subtree_control'), '+memory')
    groups.limit('/k', { cpuShares: 2, cpuQuotaMicros: -1, memoryBytes: -1, pids: 7 })
    assert.equal(text('k/cpu.weight'), '1')
    assert.equal(text('k/cpu.max'), 'max 100000')
    assert.equal(text('k/memory.max'), 'max')
    assert.equal(text('k/pids.max'), '7')
    writeFileSync(join(root, 'k/cpu.stat'), 'usage_usec 12\nuser_usec 5\n')
    writeFileSync(join(root, 'k/memory.current'), '100\n')
    writeFileSync(join(root, 'k/memory.stat'), 'anon 60\ninactive_file 30\npgfault 9\npgmajfault 1\n')
    writeFileSync(join(root, 'k/pids.current'), '2\n')
    assert.deepEqual(groups.usage('/k'), {
      cpuNanoseconds: 12_000,
      memoryUsageBytes: 100,
      memoryWorkingSetBytes: 70,
      memoryRssBytes: 60,
      pageFaults: 9,
      majorPageFaults: 1,
      pids: 2,
    })
  })

  /** Like the kernel: a group below the machine's own top takes no part of memory while it has processes. */
  const insideContainer = (processes: readonly number[]) => {
    const write = fs.writeFileSync
    const own = join(root, 'cgroup.procs')
    write(own, processes.join('\n'))
    const kernel = mock.method(fs, 'writeFileSync', (file: string, data: string) => {
      const here = readFileSync(own, 'utf8').split('\n').filter(Boolean)
      if (file === join(root, 'cgroup.subtree_control') && here.length > 0)
        throw Object.assign(new Error('EBUSY: resource busy or locked'), { code: 'EBUSY' })
      if (file === join(root, 'init/cgroup.procs')) {
        write(own, here.filter((pid) => pid !== data).join('\n'))
        if (data === '7') throw Object.assign(new Error('ESRCH: no such process'), { code: 'ESRCH' })
        data = `${existsSync(file) ? readFileSync(file, 'utf8') : ''}${data}\n`
      }
      write(file, data)
    })
    syncBuiltinESMExports()
    return {
      [Symbol.dispose]: () => {
        kernel.mock.restore()
        syncBuiltinESMExports()
      },
    }
  }
  it('moves the processes at the top of a container out of the way of controllers', () => {
    writeFileSync(join(root, 'cgroup.controllers'), 'cpu memory pids\n')
    writeFileSync(join(root, 'cgroup.type'), 'domain\n')
    const groups = cgroupsAt({ version: 2, byController: new Map(), unified: root }, systemClock)
    {
      using _kernel = insideContainer([1, 7, 9])
      groups.create('/k/a')
    }
    assert.equal(text('cgroup.subtree_control'), '+pids')
    assert.deepEqual(groups.processes('/init'), [1, 9])
  })

  it('lists processes of the whole tree and removes it', async () => {
    const groups = cgroupsAt({ version: 2, byController: new Map(), unified: root }, systemClock)
    groups.create('/k/a')
    groups.create('/k/b/c')
    assert.deepEqual(groups.children('/k'), ['a', 'b'])
    groups.removeIfEmpty('/k/b')
    assert.deepEqual(groups.children('/k'), ['a', 'b'])
    groups.removeIfEmpty('/k/a')
    assert.deepEqual(groups.children('/k'), ['b'])
    groups.create('/k/a/deep')
    await groups.remove('/k/a')
    assert.deepEqual(groups.children('/k'), ['b'])
    writeFileSync(join(root, 'k/b/c/cgroup.procs'), '5\n6\n')
    assert.deepEqual(groups.processes('/k'), [5, 6])
  })

  it('refuses paths that climb', () => {
    const groups = cgroupsAt({ version: 2, byController: new Map(), unified: root }, systemClock)
    for (const path of ['k', '/k/../x', '/./k'])
      assert.throws(() => groups.create(path), /must be absolute and without dots/)
  })
})

describe('fakeCgroups', () => {
  it('behaves like a hierarchy', async () => {
    const groups = fakeCgroups()
    groups.create('/k/a/b')
    groups.limit('/k/a', { pids: 5 })
    groups.addProcess('/k/a/b', 12)
    groups.setUsage('/k/a', { pids: 1 })
    assert.deepEqual(groups.limitsOf('/k/a'), { pids: 5 })
    assert.deepEqual(groups.processes('/k'), [12])
    assert.deepEqual(groups.children('/k'), ['a'])
    assert.equal(groups.usage('/k/a')?.pids, 1)
    await groups.remove('/k/a')
    assert.equal(groups.exists('/k/a/b'), false)
    assert.equal(groups.exists('/k'), true)
  })
})
