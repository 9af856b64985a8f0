// Writes the table of behaviours in docs/testing.md; with --check it fails when that is another one.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { behaviours } from '../src/simulation/behaviour.ts'
import { root } from './steps.ts'

const [begin, end] = ['<!-- behaviours: written by "npm run generate" -->', '<!-- end of behaviours -->']

function renderBehaviours(): readonly string[] {
  return [
    '| behaviour | annotation | what it says |',
    '| --- | --- | --- |',
    ...behaviours.map(({ name, meaning }) => {
      const field = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
      return `| \`${field}\` | \`simulation.k8ts.dev/${name}\` | ${meaning} |`
    }),
  ]
}

function main(args: readonly string[]): number {
  const path = join(root, 'docs/testing.md')
  const document = readFileSync(path, 'utf8')
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/testing.md has no "${begin}" before "${end}"`)
  const wanted = `${document.slice(0, from + begin.length)}\n${renderBehaviours().join('\n')}\n${document.slice(to)}`
  if (wanted === document) return 0
  if (args.includes('--check')) {
    console.error('The table of behaviours in docs/testing.md is not up to date; run "npm run generate"')
    return 1
  }
  writeFileSync(path, wanted)
  return 0
}

process.exitCode = main(process.argv.slice(2))
