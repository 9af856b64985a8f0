// Runs a TypeScript file of this project with the pinned Node, whatever Node runs this one.
// Plain JavaScript for Node 20: `node bin/pinned.js FILE [ARGUMENT ...]`.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The Node that the lockfile pins, or undefined before `npm ci`. */
export function pinnedNode() {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64'
  const path = join(root, 'node_modules', `node-linux-${architecture}`, 'bin', 'node')
  return existsSync(path) ? path : undefined
}

/** Runs the pinned Node with these arguments, passes signals on and ends with its exit code. */
export function runPinned(args) {
  const node = pinnedNode()
  if (node === undefined) {
    console.error(`k8ts: the pinned Node is missing; run "npm ci" in ${root}`)
    process.exit(1)
  }
  const child = spawn(node, args, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const explain = async () => {
    const { describeStartProblem, startProblem } = await import('./pinnedStart.js')
    const problem = startProblem(node)
    if (problem !== undefined) console.error(describeStartProblem(node, problem))
  }
  child.on('error', async (error) => {
    console.error(`k8ts: cannot start ${node}: ${error.message}`)
    await explain()
    process.exit(1)
  })
  child.on('exit', async (code, signal) => {
    // The loader tells which library it misses, and not where to get it.
    if (code === 127) await explain()
    if (signal) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    } else process.exit(code ?? 1)
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, ...rest] = process.argv.slice(2)
  if (file === undefined) {
    console.error('usage: node bin/pinned.js FILE [ARGUMENT ...]')
    process.exit(2)
  }
  runPinned([join(root, file), ...rest])
}
