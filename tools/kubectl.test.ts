import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { describeKubectls, findKubectls } from './kubectl.ts'

describe('the kubectls of a machine', () => {
  let folder: string
  const program = (path: string, body: string): void => {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, `#!/bin/sh\n${body}\n`)
    chmodSync(path, 0o755)
  }
  const says = (minor: string): string =>
    `echo '{"clientVersion":{"major":"1","minor":"${minor}","gitVersion":"v1.${minor}.1"}}'`
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'k8ts-kubectl-'))
    program(join(folder, 'sdk/kubectl.1.9'), says('9'))
    program(join(folder, 'sdk/kubectl.1.33'), says('33'))
    program(join(folder, 'sdk/kubectl'), says('99'))
    program(join(folder, 'own/kubectl'), says('32+'))
    program(join(folder, 'broken/kubectl'), 'exit 1')
    mkdirSync(join(folder, 'link'))
    symlinkSync(join(folder, 'sdk/kubectl'), join(folder, 'link/kubectl'))
    mkdirSync(join(folder, 'again'))
    symlinkSync(join(folder, 'own/kubectl'), join(folder, 'again/kubectl'))
  })
  after(() => rmSync(folder, { recursive: true }))

  const found = async (path: readonly string[], sdk: string) =>
    (await findKubectls(path.map((name) => join(folder, name)).join(':'), join(folder, sdk), '')).map(
      ({ path, minor }) => `${minor} ${path.slice(folder.length + 1)}`,
    )

  it('are listed newest first, without dispatchers, broken and doubled ones', async () => {
    assert.deepEqual(await found(['link', 'broken', 'again', 'own', 'nowhere'], 'sdk'), [
      '33 sdk/kubectl.1.33',
      '32 own/kubectl',
      '9 sdk/kubectl.1.9',
    ])
  })

  it('are those that somebody names', async () => {
    const chosen = (...names: readonly string[]) =>
      findKubectls('', join(folder, 'sdk'), names.map((name) => join(folder, name)).join(':'))
    assert.deepEqual(
      (await chosen('sdk/kubectl.1.9', 'own/kubectl')).map(({ minor }) => minor),
      [32, 9],
    )
    await assert.rejects(chosen('broken/kubectl'), /KUBECTL names ".*broken\/kubectl", which is no kubectl/)
  })

  it('are told with those that are missing', async () => {
    const some = await findKubectls('', join(folder, 'sdk'), join(folder, 'sdk/kubectl.1.33'))
    assert.equal(describeKubectls(some), 'kubectl v1.33.1; not found: 1.27, 1.28, 1.29, 1.30, 1.31, 1.32, 1.34')
  })

  it('can be none', async () => assert.deepEqual(await found(['broken'], 'nowhere'), []))
})
