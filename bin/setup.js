// Installs the project's packages when they are missing or older than the lockfile.
// Plain JavaScript for Node 20; does nothing, in a few milliseconds, when all is there.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pinnedNode } from './pinned.js'
import { describeStartProblem, mendStart, startProblem } from './pinnedStart.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'node_modules', '.k8ts-lock')
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  const major = Number(process.versions.node.split('.')[0])
  if (major < 20) {
    console.error(`k8ts: Node ${process.versions.node} is too old to install the project; Node 20 or newer is needed`)
    process.exit(1)
  }
  console.error('k8ts: installing packages (npm ci), about half a minute the first time ...')
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (done.status !== 0) {
    console.error(
      'k8ts: "npm ci" failed; see its message above. Without a network, copy node_modules from a machine that has one',
    )
    process.exit(1)
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, lock)
  const node = pinnedNode()
  const problem = node === undefined ? undefined : startProblem(node)
  const left = problem === undefined ? undefined : mendStart(node, problem)
  if (left !== undefined) {
    console.error(describeStartProblem(node, left))
    process.exit(1)
  }
}
