// The package for programs outside that are not linked to this folder: `npm run build` writes it to `dist/package`, as
// JavaScript with declarations, because Node strips no types below `node_modules`. `npm pack ./dist/package` packs it.
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root, runSteps } from './steps.ts'

const folder = join(root, 'dist', 'package')

/** What a program can import, by its name below `k8ts/`, with the source. */
function entryPoints(): Readonly<Record<string, string>> {
  const exported = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Record<string, string> })
    .exports
  const entries: Record<string, string> = {}
  for (const [name, source] of Object.entries(exported)) {
    if (!name.includes('*')) entries[name.slice(2)] = source
    else {
      const [before, after] = source.split('*') as [string, string]
      for (const file of globSync(source.replace('*', '**/*').slice(2), { cwd: root })) {
        if (file.endsWith('.test.ts') || file.endsWith('.generated.ts')) continue
        entries[name.slice(2).replace('*', file.slice(before.length - 2, file.length - after.length))] = `./${file}`
      }
    }
  }
  return entries
}

/** Everything that is used is in the package: it has no dependencies, so that it installs without a registry. */
async function writeScripts(entries: Readonly<Record<string, string>>): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    chunkNames: 'chunks/[hash]',
    legalComments: 'eof',
    loader: { '.proto': 'text' },
    // Packages in CommonJS ask for Node's own modules by `require`.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url)",
    },
    logLevel: 'warning',
  })
}

async function writeDeclarations(entries: Readonly<Record<string, string>>): Promise<number> {
  const config = join(root, 'dist', 'tsconfig.json')
  const compilerOptions = {
    noEmit: false,
    // Whether the types fit is told by `npm run check`.
    noCheck: true,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: '../src',
    outDir: 'package/types',
  }
  const files = Object.values(entries).map((source) => join(root, source))
  writeFileSync(config, JSON.stringify({ extends: '../tsconfig.json', compilerOptions, include: [], files }))
  return runSteps([{ name: 'declarations', command: ['tsc', '-p', config] }])
}

function writePackage(entries: Readonly<Record<string, string>>): void {
  const { name, version, description, license } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as Record<string, string>
  const target = (entry: string, source: string): object => ({
    types: `./types/${source.slice('./src/'.length).replace(/\.ts$/, '.d.ts')}`,
    default: `./${entry}.js`,
  })
  const kinds = { './api/*': { types: './types/api/*.d.ts', default: './api/*.js' } }
  const others = Object.entries(entries).filter(([entry]) => !entry.startsWith('api/'))
  const content = {
    name,
    version,
    description,
    license,
    type: 'module',
    engines: { node: '>=26' },
    exports: {
      ...Object.fromEntries(others.map(([entry, source]) => [`./${entry}`, target(entry, source)])),
      ...kinds,
    },
    // Declarations refer to each other as the sources do.
    imports: { '#*.ts': { types: './types/*.d.ts' } },
  }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(content, undefined, 2)}\n`)
  cpSync(join(root, 'docs', 'testing.md'), join(folder, 'README.md'))
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const entries = entryPoints()
await writeScripts(entries)
writePackage(entries)
process.exitCode = await writeDeclarations(entries)
