import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

interface StartProblem {
  readonly said: string
  readonly library?: string | undefined
}
interface PinnedStart {
  startProblem(node: string): StartProblem | undefined
  describeStartProblem(node: string, problem: StartProblem): string
}

const { startProblem, describeStartProblem } = (await import(
  new URL('../bin/pinnedStart.js', import.meta.url).href
)) as PinnedStart

const folder = mkdtempSync(join(tmpdir(), 'k8ts-start-'))
after(() => rmSync(folder, { recursive: true }))

const loader =
  'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file'
const absent = '/nonexistent/node'
const rows: readonly (readonly [name: string, script: string | undefined, told: string | undefined])[] = [
  ['starts', '#!/bin/sh\necho v26.0.0', undefined],
  [
    'misses a library of a known package',
    `#!/bin/sh\necho '${loader}' >&2; exit 127`,
    `k8ts: the pinned Node does not start: ${loader}; "apt-get install libatomic1" mends it on Debian and Ubuntu, "dnf install libatomic" on Fedora`,
  ],
  [
    'misses another library',
    `#!/bin/sh\necho '${loader.replace('atomic', 'other')}' >&2; exit 127`,
    `k8ts: the pinned Node does not start: ${loader.replace('atomic', 'other')}`,
  ],
  [
    'is made for another system',
    '#!/nonexistent/ld-linux.so',
    'k8ts: the pinned Node does not start: this system has no glibc (Alpine has musl, for one), which Node is made for',
  ],
  ['is not there', undefined, `k8ts: the pinned Node does not start: spawnSync ${absent} ENOENT`],
]
for (const [name, script, told] of rows) {
  test(`a Node that ${name}`, () => {
    const node = script === undefined ? absent : join(folder, name.replaceAll(' ', '-'))
    if (script !== undefined) writeFileSync(node, script, { mode: 0o755 })
    const problem = startProblem(node)
    assert.equal(problem === undefined ? undefined : describeStartProblem(node, problem), told)
  })
}
