// Why the pinned Node does not start on a machine, and what mends that. Plain JavaScript for Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** What minimal installations lack of what Node is linked with, by the names that packages have there. */
const packages = { 'libatomic.so.1': { debian: 'libatomic1', fedora: 'libatomic' } }

/** Why this Node does not start here, and the library that it misses, if it is that; undefined when it starts. */
export function startProblem(node) {
  const { status, stderr, error } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (status === 0) return undefined
  // What the kernel does not find then is the loader that the file names.
  if (error?.code === 'ENOENT' && existsSync(node))
    return { said: 'this system has no glibc (Alpine has musl, for one), which Node is made for' }
  const said = (error?.message ?? stderr).trim()
  return { said, library: /error while loading shared libraries: ([^:\s]+):/.exec(said)?.[1] }
}

/** A line that says what is wrong with it and what to do. */
export function describeStartProblem(node, { said, library }) {
  const missing = packages[library]
  const how =
    missing === undefined
      ? ''
      : `; "apt-get install ${missing.debian}" mends it on Debian and Ubuntu, "dnf install ${missing.fedora}" on Fedora`
  return `k8ts: the pinned Node does not start: ${said || `${node} says nothing`}${how}`
}

/** Installs what a Node misses where that can be done; returns what is wrong afterwards. */
export function mendStart(node, problem) {
  const name = packages[problem.library]?.debian
  if (name === undefined || process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return problem
  console.error(`k8ts: installing ${name}, without which the pinned Node does not start ...`)
  const run = (...words) => {
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    return spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...words], {
      encoding: 'utf8',
      env: environment,
    })
  }
  const install = ['install', '-y', '--no-install-recommends', name]
  let done = run(...install)
  // A fresh machine or image has no package lists yet.
  if (done.status !== 0 && run('update').status === 0) done = run(...install)
  if (done.status !== 0) console.error(done.stderr.trim())
  return startProblem(node)
}
