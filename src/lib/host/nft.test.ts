import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { countSetsAndChains, fakeNft, maxSetsAndChains, parseTables, systemNft, watchRules } from './nft.ts'
import type { Nft } from './nft.ts'
import { fakeProcesses, systemProcesses } from './process.ts'

describe('countSetsAndChains', () => {
  const cases: [string, string, number][] = [
    ['an empty table', 'table ip kube {\n}', 0],
    [
      'sets, maps and chains in a table',
      'table ip k {\n set a {\n type ipv4_addr\n }\n map b { type ipv4_addr : verdict; }\n chain c {\n }\n}',
      3,
    ],
    [
      'added ones',
      'add table ip k\nadd set ip k a { type ipv4_addr; }\nadd chain ip k c { type nat hook output priority 0; }',
      2,
    ],
    ['elements are no sets', 'add element ip k a { 10.0.0.1, 10.0.0.2 }\n elements = { 10.0.0.3 }', 0],
    ['a set written in a rule', 'tcp dport { 80, 443 } accept\n ip saddr vmap { 10.0.0.1 : accept }', 2],
    ['a comment', '# chain c { { {', 0],
    ['the verb set is none', 'meta mark set numgen random mod 3\n ct mark set 1', 0],
  ]
  for (const [name, text, expected] of cases) it(name, () => assert.equal(countSetsAndChains(text), expected))
})

describe('systemNft', () => {
  it('applies a text in one transaction', async () => {
    const processes = fakeProcesses()
    await systemNft(processes, '/run/x.net').apply('table ip k { }')
    assert.deepEqual(processes.commands, [
      { argv: ['nsenter', '--net=/run/x.net', 'nft', '-f', '-'], input: 'table ip k { }' },
    ])
  })
  it('says why nft refused', async () => {
    const processes = fakeProcesses(() => ({ code: 1, stderr: '-:1:1-3: Error: syntax error\n' }))
    await assert.rejects(systemNft(processes).apply('bad'), {
      message: 'Cannot run "nft -f -": -:1:1-3: Error: syntax error',
    })
  })
  it('refuses what could lock up the kernel before it is sent', async () => {
    const processes = fakeProcesses()
    const many = 'chain c { }\n'.repeat(maxSetsAndChains + 1)
    await assert.rejects(systemNft(processes).apply(many), /5001 sets and chains, at most 5000 are safe/)
    assert.deepEqual(processes.commands, [])
  })
  it('applies a text that comes in pieces, and refuses one that has too many sets in all', async () => {
    const processes = fakeProcesses()
    await systemNft(processes).apply(['table ip k {\n', '}\n'])
    assert.equal(processes.commands[0]!.input, 'table ip k {\n}\n')
    const half = 'chain c { }\n'.repeat(maxSetsAndChains / 2 + 1)
    await assert.rejects(systemNft(processes).apply([half, half]), /5002 sets and chains/)
  })
  it('stays ready for short texts only, and until nobody needs that', async () => {
    const processes = fakeProcesses()
    const nft = systemNft(processes)
    const helper = nft.stayReady!()
    const long = `add element ip k s { ${'10.0.0.1, '.repeat(10_000)}10.0.0.2 }`
    for (const text of [
      'table ip k {\n}\n',
      long,
      'add element ip k s { 10.0.0.1,\n10.0.0.2 }',
      'add rule ip k c comment "a;b"',
    ])
      await nft.apply(text)
    assert.equal(processes.commands.length, 4)
    await helper[Symbol.asyncDispose]()
    await nft.apply('add table ip k')
    assert.equal(processes.commands.length, 5)
  })
  /** Runs with a program called nft that does as a shell script says. */
  const withNft = async (script: string, act: (nft: Nft, commands: () => readonly string[]) => Promise<void>) => {
    const folder = mkdtempSync(join(tmpdir(), 'k8ts-nft-'))
    const { PATH } = process.env
    try {
      writeFileSync(join(folder, 'nft'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
      process.env.PATH = `${folder}:${PATH}`
      const processes = fakeProcesses()
      const nft = systemNft(processes)
      await using _ = nft.stayReady!()
      await act(nft, () => processes.commands.map(({ argv, input }) => `${argv.join(' ')} < ${String(input)}`))
    } finally {
      process.env.PATH = PATH
      rmSync(folder, { recursive: true })
    }
  }
  it('tells one nft of short texts, as lines, and says why it refused one', () => {
    const script = `while IFS= read -r line; do case "$line" in add*) ;; *) printf 'Error: No such thing\\n%s\\n^^^\\n' "$line" >&2 ;; esac; done`
    return withNft(script, async (nft, commands) => {
      await nft.apply('add table ip k\nadd chain ip k c\n')
      await assert.rejects(
        nft.apply('delete table ip l\ndelete table ip m\n'),
        /Error: No such thing\ndelete table ip l ; delete table ip m\n/,
      )
      await nft.apply('add table ip k')
      assert.deepEqual(commands(), [])
    })
  })
  it('starts nft for each text where it takes no lines', () =>
    withNft('echo "nft: interactive CLI not supported in this build" >&2; exit 1', async (nft, commands) => {
      for (const table of ['k', 'l']) await nft.apply(`add table ip ${table}`)
      assert.deepEqual(commands(), ['nft -f - < add table ip k', 'nft -f - < add table ip l'])
    }))
  it('says why the nft that takes lines has ended', () =>
    withNft('echo "Operation not permitted (you must be root)" >&2; exit 1', async (nft, commands) => {
      await assert.rejects(nft.apply('add table ip k'), /Operation not permitted/)
      assert.deepEqual(commands(), [])
    }))
  it('describes one set of a table', async () => {
    const processes = fakeProcesses(() => ({ stdout: 'table ip k {\n}\n' }))
    const only = { kind: 'map', name: 'm' } as const
    assert.equal(await systemNft(processes).describe({ family: 'ip', name: 'k', only }), 'table ip k {\n}\n')
    assert.deepEqual(processes.commands[0]!.argv.slice(-5), ['nft', 'map', 'ip', 'k', 'm'])
  })
  it('describes what there is, nothing where there is nothing, and never a part', async () => {
    const table = { family: 'ip', name: 'k' }
    const script = (text: string, code: number) =>
      `test "$1 $2 $3 $4" = "list table ip k" && printf '${text}'; exit ${code}`
    const describeWith = async (text: string, code: number) => {
      let described: string | undefined
      await withNft(script(text, code), async () => {
        described = await systemNft(systemProcesses()).describe(table)
      })
      return described
    }
    assert.equal(
      await describeWith('table ip k {\\n\\tchain c {\\n\\t}\\n}\\n', 0),
      'table ip k {\n\tchain c {\n\t}\n}\n',
    )
    assert.equal(await describeWith('', 1), undefined)
    await assert.rejects(describeWith('table ip k {\\n\\tchain c', 137), /it ended in the middle/)
  })
  it('reads the list of tables', () => {
    assert.deepEqual(parseTables('table ip kube\ntable inet filter\n'), [
      { family: 'ip', name: 'kube' },
      { family: 'inet', name: 'filter' },
    ])
  })
})

describe('watchRules', () => {
  it('tells whole lines as they come, until nft ends', async () => {
    const lines: string[] = []
    const processes = {
      ...fakeProcesses(),
      run: async (argv: readonly string[], options?: { onOutput?: (text: string) => void }) => {
        assert.equal(argv.join(' '), 'nsenter --net=/run/x.net setpriv --pdeathsig KILL nft monitor')
        for (const text of ['add table ip', ' a\n# new generation 2\nadd', ' table ip b\n']) options?.onOutput?.(text)
        return { code: 0, stdout: '', stderr: '' }
      },
    }
    await watchRules(processes, (line) => lines.push(line), new AbortController().signal, '/run/x.net')
    assert.deepEqual(lines, ['add table ip a', '# new generation 2', 'add table ip b'])
  })
  it('says why nft cannot watch', async () => {
    const processes = fakeProcesses(() => ({ code: 1, stderr: 'Operation not permitted' }))
    await assert.rejects(
      watchRules(processes, () => {}, new AbortController().signal),
      /Operation not permitted/,
    )
  })
})

describe('fakeNft', () => {
  it('knows tables that texts add and delete', async () => {
    const nft = fakeNft()
    await nft.apply('add table ip a\ntable ip b {\n}')
    await nft.apply('delete table ip a')
    assert.deepEqual(await nft.tables(), [{ family: 'ip', name: 'b' }])
    assert.equal(await nft.describe({ family: 'ip', name: 'a' }), undefined)
  })
})
