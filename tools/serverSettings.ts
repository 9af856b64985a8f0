// Writes the table of settings in docs/server.md; with --check it fails when that is another one.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serverSettings } from '../src/cluster/server/settings.ts'
import type { Members, Setting } from '../src/lib/settings/settings.ts'
import { root } from './steps.ts'

const [begin, end] = ['<!-- settings: written by "npm run generate" -->', '<!-- end of settings -->']

/** One row for each setting, those within others after them. */
export function renderSettings(members: Members, within = ''): readonly string[] {
  return Object.entries(members).flatMap(([name, setting]) => {
    const path = `${within}${name}`
    const inner = setting.members === undefined ? [] : renderSettings(setting.members, innerPath(path, setting))
    return [row(path, setting), ...inner]
  })
}

const innerPath = (path: string, { schema }: Setting<any>): string =>
  `${path}${schema['type'] === 'array' ? '[]' : ''}.`

function row(path: string, { about, flag, shape, usual, isRequired, members }: Setting<any>): string {
  const value = members === undefined ? shape : ''
  const otherwise = isRequired === true ? 'must be said' : usual === undefined ? '' : code(usual)
  return `| ${[`\`${path}\``, about, value, otherwise, flag === undefined ? '' : `\`${flag}\``].join(' | ')} |`
}

const code = (value: unknown): string =>
  `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``

function main(args: readonly string[]): number {
  const path = join(root, 'docs/server.md')
  const document = readFileSync(path, 'utf8')
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/server.md has no "${begin}" before "${end}"`)
  const head = ['| setting | what it says | value | usually | kube-apiserver |', '| --- | --- | --- | --- | --- |']
  const table = [...head, ...renderSettings(serverSettings.members!)].join('\n')
  const wanted = `${document.slice(0, from + begin.length)}\n${table}\n${document.slice(to)}`
  if (wanted === document) return 0
  if (args.includes('--check')) {
    console.error('The table of settings in docs/server.md is not up to date; run "npm run generate"')
    return 1
  }
  writeFileSync(path, wanted)
  return 0
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
