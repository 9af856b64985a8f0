import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeProcesses, type CommandResult } from '#lib/host/process.ts'

import { installPackages } from './packages.ts'

const policy = '/usr/sbin/policy-rc.d'
const unknown = { code: 100, stderr: 'E: Unable to locate package nftables' }
const offline = {
  stderr: "W: Failed to fetch http://debian.example/debian/InRelease  Temporary failure resolving 'debian.example'",
}

/** A machine on which apt-get says this. */
function machineWhere(answer: (verb: string) => Partial<CommandResult> | undefined = () => undefined) {
  const files = fakeFiles({ '/usr/sbin/x': '' })
  const policies: (string | undefined)[] = []
  const processes = fakeProcesses((argv) => answer(argv[1]!))
  const run: typeof processes.run = async (...given) => {
    policies.push(await files.readText(policy))
    return processes.run(...given)
  }
  const said: string[] = []
  const host = fakeHost(new SimulatedClock(), { files, processes: { ...processes, run } })
  return {
    files,
    policies,
    said,
    verbs: () => processes.commands.map(({ argv }) => argv.slice(0, 2).join(' ')),
    install: () => installPackages({ host, environment: {} }, ['nftables'], (line) => said.push(line)),
  }
}

describe('installPackages', () => {
  it('installs with services held back and puts the policy away', async () => {
    const { install, files, policies, verbs, said } = machineWhere()
    await install()
    assert.match(policies[0] ?? '', /exit 101/)
    assert.equal(await files.readText(policy), undefined)
    assert.deepEqual([verbs(), said], [['apt-get install'], ['installing nftables']])
  })

  it('updates the lists once when a package is not known', async () => {
    let updated = false
    const { install, verbs } = machineWhere((verb) => {
      updated ||= verb === 'update'
      return updated ? undefined : unknown
    })
    await install()
    assert.deepEqual(verbs(), ['apt-get install', 'apt-get update', 'apt-get install'])
  })

  it('says why it could not, and leaves a policy of the administrator alone', async () => {
    const { install, files } = machineWhere((verb) =>
      verb === 'install' ? { code: 100, stderr: 'E: it is broken\n' } : undefined,
    )
    await files.write(policy, 'theirs')
    await assert.rejects(install(), { message: 'Cannot install nftables: E: it is broken' })
    assert.equal(await files.readText(policy), 'theirs')
  })

  it('does not ask again where nobody answers', async () => {
    const { install, verbs } = machineWhere(() => ({ ...offline, code: 100 }))
    await assert.rejects(install(), /Cannot install nftables: W: Failed to fetch .* Temporary failure resolving/)
    assert.deepEqual(verbs(), ['apt-get install'])
  })

  it('says that the lists could not be read, with which apt-get update is content', async () => {
    const { install } = machineWhere((verb) => (verb === 'update' ? offline : unknown))
    await assert.rejects(
      install(),
      /Cannot install nftables: the package lists cannot be read: W: .* Temporary failure resolving/,
    )
  })
})
