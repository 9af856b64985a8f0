/** The expression language: evaluations, parses and compilations a second, beside a bare function that means the same. */
import { Environment } from '#lib/cel/environment.ts'
import { extensionLibraries } from '#lib/cel/functions/index.ts'
import { parse } from '#lib/cel/parser.ts'
import { compile, evaluate } from '#lib/cel/program.ts'
import { dynType, listType, intType, mapType, stringType } from '#lib/cel/types.ts'
import { List, MapOfEntries } from '#lib/cel/values.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'

const evaluations = 200_000
const parses = 10_000

interface Plain {
  readonly replicas: number
  readonly name: string
  readonly ports: readonly number[]
}

const rules: readonly { readonly text: string; readonly bare: (self: Plain) => boolean }[] = [
  {
    text: 'self.replicas <= 10 && self.name.startsWith("web")',
    bare: ({ replicas, name }) => replicas <= 10 && name.startsWith('web'),
  },
  { text: 'ports.all(p, p > 0 && p < 65536)', bare: ({ ports }) => ports.every((port) => port > 0 && port < 65536) },
  {
    text: 'self.name.matches("^[a-z]([-a-z0-9]*[a-z0-9])?$")',
    bare: ({ name }) => /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name),
  },
]

export function run(): Promise<Measurement[]> {
  const environment = new Environment({
    libraries: extensionLibraries,
    variables: { self: mapType(stringType, dynType), ports: listType(intType) },
  })
  const plain: Plain = { replicas: 3, name: 'web-frontend', ports: [80, 443, 8080] }
  const self = new MapOfEntries()
  self.add('replicas', plain.replicas)
  self.add('name', plain.name)
  const variables = { self, ports: new List(plain.ports) }
  return Promise.resolve(
    rules.flatMap(({ text, bare }) => {
      const program = compile(environment, text)
      if ('issues' in program) throw new Error(`"${text}" does not compile`)
      return [
        {
          ...perSecond(`evaluate ${text}`, evaluations, () => evaluate(program, variables, 1_000_000)),
          goal: { atLeast: 200_000 },
          beside: { name: 'bare function', value: perSecond('', evaluations, () => bare(plain)).value },
        },
        perSecond(`parse ${text}`, parses, () => parse(text, environment.macros)),
        perSecond(`compile ${text}`, parses, () => compile(environment, text)),
      ]
    }),
  )
}

function perSecond(name: string, rounds: number, work: () => unknown): Measurement {
  for (let i = 0; i < rounds / 5; i++) work()
  const begun = performance.now()
  for (let i = 0; i < rounds; i++) work()
  return { name, value: (rounds / (performance.now() - begun)) * 1000, unit: '/s' }
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
