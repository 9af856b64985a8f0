import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { systemIp } from './netlink.ts'
import { fakeProcesses } from './process.ts'

describe('systemIp', () => {
  it('sends all commands to one process inside the namespace', async () => {
    const processes = fakeProcesses()
    await systemIp(processes, '/run/x.net').batch(['link set lo up', 'route show'])
    assert.deepEqual(processes.commands, [
      { argv: ['nsenter', '--net=/run/x.net', 'ip', '-batch', '-'], input: 'link set lo up\nroute show\n' },
    ])
  })
  it('names the command that failed', async () => {
    const processes = fakeProcesses(() => ({ code: 1, stderr: 'RTNETLINK answers: File exists\nCommand failed -:2\n' }))
    await assert.rejects(systemIp(processes).batch(['link set lo up', 'route add unreachable 10.0.0.0/8']), {
      message: 'Cannot run "ip route add unreachable 10.0.0.0/8": RTNETLINK answers: File exists',
    })
  })
  it('goes on after failures when taking away', async () => {
    const processes = fakeProcesses(() => ({ code: 1, stderr: 'Cannot find device "x"\nCommand failed -:1\n' }))
    assert.deepEqual(await systemIp(processes).attempt(['link del x', 'link del y']), ['Cannot find device "x"'])
    assert.deepEqual(processes.commands[0]?.argv, ['ip', '-force', '-batch', '-'])
  })
  it('starts nothing for no commands and takes no line breaks', async () => {
    const processes = fakeProcesses()
    await systemIp(processes).batch([])
    assert.deepEqual(processes.commands, [])
    await assert.rejects(systemIp(processes).batch(['link set lo up\nlink del eth0']), /contains a line break/)
  })
  it('reads answers in JSON, also empty ones', async () => {
    const processes = fakeProcesses((argv) => ({ stdout: argv.includes('link') ? '[{"ifname":"lo"}]' : '' }))
    assert.deepEqual(await systemIp(processes).show(['link', 'show']), [{ ifname: 'lo' }])
    assert.deepEqual(await systemIp(processes).show(['route', 'show']), [])
  })
})
