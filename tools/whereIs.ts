// Where each kind is: its shape, how it is served, who uses it. Read from the code, so that it is true.
//
//   node tools/whereIs.ts            writes the table into ARCHITECTURE.md, between its markers
//   node tools/whereIs.ts --check    fails when the table there is another one
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { allResources } from '#api/index.ts'
import { apiVersionOf, type Resource } from '#api/resource.ts'
import { allStrategies } from '#resources/index.ts'
import type { Strategy } from '#server/strategy.ts'
import { root } from './steps.ts'

/** One line of the table; places are relative to `src`, and folders end with a slash. */
export interface Place {
  readonly kind: string
  readonly apiVersion: string
  readonly shape: string
  readonly servedBy: string
  readonly usedBy: readonly string[]
}

/** The parts that act on objects; assembly and simulation know every kind and tell nothing. */
const actors = [
  'controllers',
  'scheduler',
  'kubelet',
  'proxy',
  'dns',
  'networkPolicy',
  'loadBalancer',
  'ingress',
  'nodeNetwork',
  'server/admission',
  'server/authenticate',
]

const source = join(root, 'src')

/** Where every served kind is, in the order of discovery. Throws when a kind lacks a strategy or a shape of its own. */
export async function findPlaces(): Promise<readonly Place[]> {
  const strategies: readonly Strategy<any>[] = allStrategies({
    addresses: '10.96.0.0/12',
    nodePorts: [30000, 32767],
  })
  const shapes = await valuesBelow('api')
  const served = await valuesBelow('resources')
  const users = readUsers()
  return allResources.map((resource) => {
    const strategy = strategies.find((each) => resourcesOf(each).includes(resource))
    const named = `${apiVersionOf(resource)} ${resource.kind}`
    if (strategy === undefined) throw new Error(`${named} is served by no strategy of resources/index.ts`)
    const shape = shapes.find(({ value }) => value === resource)
    if (shape === undefined) throw new Error(`${named} has no file in src/api that exports it`)
    const servedBy = served.find(({ name, value }) => value === strategy || makes(name, value, strategy.resource))
    if (servedBy === undefined) throw new Error(`${named} has a strategy that no file in src/resources exports`)
    return {
      kind: resource.kind,
      apiVersion: apiVersionOf(resource),
      shape: shape.file,
      servedBy: servedBy.file.endsWith('/strategy.ts') ? `${dirname(servedBy.file)}/` : servedBy.file,
      usedBy: [...(users.get(`${shape.file} ${shape.name}`) ?? [])].toSorted(),
    }
  })
}

/** A kind with its other versions. */
const resourcesOf = ({ resource, versions = [] }: Strategy<any>): readonly Resource[] => [
  resource,
  ...versions.map((version) => version.resource as Resource),
]

interface Export {
  readonly file: string
  readonly name: string
  readonly value: unknown
}

/** What the files of a folder export, by identity the same values as elsewhere in this process. */
async function valuesBelow(folder: string): Promise<readonly Export[]> {
  const found: Export[] = []
  for (const file of globSync(`${folder}/**/*.ts`, { cwd: source }).toSorted()) {
    if (file.endsWith('.test.ts') || file.endsWith('/index.ts')) continue
    const exports = (await import(pathToFileURL(join(source, file)).href)) as Record<string, unknown>
    for (const [name, value] of Object.entries(exports)) found.push({ file, name, value })
  }
  return found
}

/** A strategy that keeps something is made by a function, such as `serviceStrategy`. */
function makes(name: string, value: unknown, { kind }: Resource): boolean {
  return typeof value === 'function' && name.toLowerCase() === `${kind}Strategy`.toLowerCase()
}

/** `file name` of a Resource value to the folders whose code uses it; importing only its type is no use of it. */
function readUsers(): ReadonlyMap<string, ReadonlySet<string>> {
  const users = new Map<string, Set<string>>()
  for (const actor of actors) {
    for (const file of globSync(`${actor}/**/*.ts`, { cwd: source }).toSorted()) {
      if (file.endsWith('.test.ts') || file.endsWith('/testObjects.ts')) continue
      for (const key of usedResources(readFileSync(join(source, file), 'utf8'))) {
        const user = file.startsWith('server/') ? file : `${dirname(file)}/`
        // What several controllers share stands beside them and is told by those that use it.
        if (user === 'controllers/') continue
        users.set(key, (users.get(key) ?? new Set()).add(user))
      }
    }
  }
  return users
}

/** The values of `src/api` that a file imports, as `file name`. */
export function usedResources(text: string): readonly string[] {
  return [...text.matchAll(/^import \{([^}]*)\} from '#(api\/[^']+)'/gm)].flatMap(([, names, file]) =>
    names!
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => `${file} ${name.replace(/ as .*/, '')}`),
  )
}

/** The table as it stands in ARCHITECTURE.md. */
export function renderPlaces(places: readonly Place[]): string {
  const code = (text: string): string => `\`${text}\``
  const lines = places.map(({ kind, apiVersion, shape, servedBy, usedBy }) => {
    const used = usedBy.length === 0 ? '–' : usedBy.map(code).join(', ')
    return `| ${kind} (${apiVersion}) | ${code(shape)} | ${code(servedBy)} | ${used} |`
  })
  return ['| kind | shape | served by | used by |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

const [begin, end] = ['<!-- kinds: written by "npm run generate" -->', '<!-- end of kinds -->']

/** A document with the table between its markers replaced. Throws when it has no markers. */
export function replaceTable(document: string, table: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`ARCHITECTURE.md has no "${begin}" before "${end}"`)
  return `${document.slice(0, from + begin.length)}\n${table}\n${document.slice(to)}`
}

async function main(args: readonly string[]): Promise<number> {
  const path = join(root, 'ARCHITECTURE.md')
  const document = readFileSync(path, 'utf8')
  const wanted = replaceTable(document, renderPlaces(await findPlaces()))
  if (wanted === document) return 0
  if (args.includes('--check')) {
    console.error('The table of kinds in ARCHITECTURE.md is not up to date; run "npm run generate"')
    return 1
  }
  writeFileSync(path, wanted)
  return 0
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
