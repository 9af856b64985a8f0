/** The package for programs elsewhere: built, packed, installed without a registry into a project far from this one, and used. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const root = dirname(dirname(import.meta.dirname))
const run = promisify(execFile)

const program = `
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pods, type Pod } from 'k8ts/api/core/v1/pod'
import { isReason, type Client } from 'k8ts/client'
import { cluster, simulated } from 'k8ts/testing'

test('a pod crashes and comes back', async () => {
  await using it = await cluster({ clock: simulated, nodes: 1, behaviours: { web: { crash: 1 } } })
  const at = { name: 'web', namespace: 'default' }
  const read = (client: Client): Promise<Pod> => client.get(pods, at)
  await assert.rejects(read(it.client), (error) => isReason(error, 'NotFound'))
  await it.apply('{ apiVersion: v1, kind: Pod, metadata: { name: web }, spec: { containers: [{ name: web, image: web }] } }')
  await it.until(async () => (await read(it.client)).status?.containerStatuses?.[0]?.restartCount === 1, '2m')
})
`

const compilerOptions = {
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  module: 'nodenext',
  strict: true,
  noEmit: true,
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
}

test('a packed library works in a project elsewhere, with its types', { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-elsewhere-'))
  try {
    await run(process.execPath, ['tools/buildLibrary.ts'], { cwd: root })
    const { stdout } = await run('npm', ['pack', join(root, 'dist/package'), '--silent'], { cwd: folder })
    const manifest = { name: 'elsewhere', private: true, type: 'module' }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(folder, 'crash.test.ts'), program)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['crash.test.ts'] }))
    const install = ['install', '--offline', '--no-audit', '--no-fund', `./${stdout.trim()}`]
    await run('npm', install, { cwd: folder })
    const installed = JSON.parse(readFileSync(join(folder, 'node_modules/k8ts/package.json'), 'utf8')) as object
    assert.ok(!('dependencies' in installed))
    // Not as a part of this test: its process would report to the runner of this one.
    const { NODE_TEST_CONTEXT: _context, ...environment } = process.env
    const tested = await run(process.execPath, ['--test', 'crash.test.ts'], { cwd: folder, env: environment })
    assert.match(tested.stdout, /pass 1/)
    await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch((error: { stdout?: string }) => {
      throw new Error(`Its types do not fit: ${error.stdout}`, { cause: error })
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
