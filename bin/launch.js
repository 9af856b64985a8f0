// Runs the command line from a bundle of the sources, which starts several times faster than the sources themselves.
// The bundle is made anew when a source changed, in a fifth of a second, and kept under the hash of what it was made from.
// Runs on the pinned Node.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandLines, superfluousBundles } from './bundles.js'
import { runBundle } from './start.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const cache = cacheFolder()

/** The command line, in pieces: each command loads its own. */
const commandLine = { main: 'src/cluster/main.ts' }

/**
 * What runs for long, each in one piece: the process of a node needs most of its own, and finding sixty files takes longer
 * than reading one. What a process may never need is in there too, and is evaluated and compiled when it does.
 */
const programs = {
  node: 'src/cluster/nodeMain.ts',
  sqliteWorker: 'src/storage/sqliteWorker.ts',
  dataPlaneWorker: 'src/ingress/node/dataPlaneWorker.ts',
  passwordWorker: 'src/ingress/node/passwordWorker.ts',
}

/** Beside the packages where we may write there, else among the user's own caches. */
function cacheFolder() {
  const shared = join(root, 'node_modules', '.cache', 'k8ts')
  try {
    mkdirSync(shared, { recursive: true })
    accessSync(shared, constants.W_OK)
    return shared
  } catch {
    return ownCacheFolder()
  }
}

/**
 * Lets the bundle get Node's own modules by `require`. An `import` of one evaluates all that it exports, and so loads much
 * that nobody uses: with `node:http` the whole of undici, 30 ms and 4 MB. Only the names that are used are read, each once.
 */
const requireBuiltins = {
  name: 'require-builtins',
  setup(bundle) {
    bundle.onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'require-call' ? { path, external: true } : { path, namespace: 'builtin' },
    )
    bundle.onLoad({ filter: /.*/, namespace: 'builtin' }, async ({ path }) => ({
      contents: [
        `const builtin = require(${JSON.stringify(path)})`,
        'const read = (name) => builtin[name]',
        'export default builtin',
        // Marked as pure, so that what nobody imports is left out.
        ...(await namesOf(path)).map(
          (name, at) => `const own${at} = /* @__PURE__ */ read('${name}'); export { own${at} as ${name} }`,
        ),
      ].join('\n'),
    }))
  },
}

/** Packages that a process may never need: they are evaluated when something of theirs is first used. */
const lazyPackages = {
  name: 'lazy-packages',
  setup(bundle) {
    bundle.onResolve({ filter: /^(yaml|re2js)$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'lazy' } : undefined,
    )
    bundle.onLoad({ filter: /.*/, namespace: 'lazy' }, async ({ path }) => ({
      resolveDir: root,
      contents: [
        `const load = () => require(${JSON.stringify(path)})`,
        `const inTime = (own) => new Proxy(function () {}, {
           get: (_, name) => own()[name],
           apply: (_, self, given) => own()(...given),
           construct: (_, given) => new (own())(...given),
         })`,
        ...(await namesOf(path)).map(
          (name, at) => `const own${at} = /* @__PURE__ */ inTime(() => load().${name}); export { own${at} as ${name} }`,
        ),
      ].join('\n'),
    }))
  },
}

async function namesOf(path) {
  return Object.keys(await import(path)).filter((name) => name !== 'default' && name !== 'module.exports')
}

function ownCacheFolder() {
  try {
    const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
    const own = join(caches, 'k8ts', createHash('sha256').update(root).digest('hex').slice(0, 8))
    mkdirSync(own, { recursive: true })
    return own
  } catch (error) {
    console.error(
      `k8ts: no place to keep the program: ${error.message}; set HOME or XDG_CACHE_HOME to a folder of yours`,
    )
    process.exit(1)
  }
}

export async function ensureBundle() {
  const hash = createHash('sha256')
  // A pattern for the names would take ten times as long, and each command looks.
  const below = readdirSync(join(root, 'src'), { recursive: true })
    .filter((name) => /\.(ts|json|proto)$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => join('src', name))
  for (const file of [...below, 'package-lock.json'].sort()) {
    const { size, mtimeMs } = statSync(join(root, file))
    hash.update(`${file} ${size} ${mtimeMs}\n`)
  }
  const sources = hash.digest('hex')
  const folder = join(cache, sources.slice(0, 16))
  if (existsSync(join(folder, 'main.js'))) return folder
  const { build } = await import('esbuild')
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  // Says what kind of modules these are, which Node would otherwise find out by compiling each of them twice.
  writeFileSync(join(unfinished, 'package.json'), '{ "type": "module" }\n')
  const shared = {
    absWorkingDir: root,
    outdir: unfinished,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    legalComments: 'none',
    // Processes keep their text in memory. Names stay, and lines are short enough to find the place that a stack names.
    minifyWhitespace: true,
    lineLimit: 160,
    loader: { '.proto': 'text' },
    external: ['esbuild'],
    // A text in JSON: objects would cost every chunk a part of their own.
    define: { k8tsBuild: JSON.stringify(JSON.stringify(describeBuild(sources))) },
    plugins: [requireBuiltins, lazyPackages],
    // Packages in the older module format expect these two.
    banner: {
      js: "import { createRequire as k8tsCreateRequire } from 'node:module'; const require = k8tsCreateRequire(import.meta.url);",
    },
    logLevel: 'error',
  }
  const built = await Promise.all([
    build({ ...shared, entryPoints: commandLine, splitting: true, chunkNames: 'chunk-[hash]' }),
    build({ ...shared, entryPoints: programs }),
  ])
  for (const { path, text } of built.flatMap(({ outputFiles }) => outputFiles)) writeFileSync(path, inAscii(text))
  try {
    renameSync(unfinished, folder)
  } catch (error) {
    // Somebody else was quicker.
    rmSync(unfinished, { recursive: true, force: true })
    if (!existsSync(join(folder, 'main.js'))) throw error
  }
  removeOldBundles()
  return folder
}

/**
 * One character beyond Latin-1 makes the whole text take two bytes for each. The bundler escapes them in strings; where it
 * leaves them, in regular expressions and in raw templates of JSON, an escape means the same.
 */
function inAscii(text) {
  return text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** What `/version` says of the bundle: the commit, whether the tree is as committed there, and when it was made. */
function describeBuild(sources) {
  const date = new Date().toISOString().replace(/\.\d+/, '')
  const git = (...words) => {
    const { status, stdout } = spawnSync('git', ['-C', root, ...words], { encoding: 'utf8', timeout: 10_000 })
    return status === 0 ? stdout.trim() : undefined
  }
  // In a folder of somebody else's repository that repository's commit says nothing.
  const commit = git('rev-parse', '--show-toplevel') === root ? git('rev-parse', 'HEAD') : undefined
  if (commit === undefined) return { commit: sources.slice(0, 40), treeState: 'archive', date }
  return { commit, treeState: git('status', '--porcelain') === '' ? 'clean' : 'dirty', date }
}

function removeOldBundles() {
  const bundles = readdirSync(cache, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'compiled')
    .map((entry) => ({ path: join(cache, entry.name), made: statSync(join(cache, entry.name)).mtimeMs }))
  for (const path of superfluousBundles(bundles, commandLines())) rmSync(path, { recursive: true, force: true })
}

await runBundle(await ensureBundle(), process.argv.slice(2))
