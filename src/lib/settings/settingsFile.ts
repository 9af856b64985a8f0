// A file with settings, as YAML or JSON: bounded, without keys that stand there twice, and mistakes with their lines.
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { messageOf } from '#lib/errorText.ts'
import { parseYaml } from '#lib/encoding/yaml.ts'
import { SettingPlace, type Setting, type SettingPath, type SettingProblem } from './settings.ts'

/** A file that cannot be used; one line for each mistake. */
export class SettingsError extends Error {
  override name = 'SettingsError'
}

const mostBytes = 256 * 1024
const mostDepth = 32
const mostProblems = 20

/** Reads a file's text. Throws SettingsError, whose lines begin with `name`, the file's name for people. */
export function readSettings<T>(setting: Setting<T>, content: string, name: string): NonNullable<T> {
  const { value, problems } = findProblems(setting, content, name)
  if (problems.length === 0) return value
  const lines = problems
    .slice(0, mostProblems)
    .map(({ path, text }) => ({ line: lineOf(content, path) ?? 0, place: settingName(path), text }))
    .toSorted((one, other) => one.line - other.line)
    .map(({ line, place, text }) => `${name}${line === 0 ? '' : `:${line}`}: ${place || 'the file'} ${text}`)
  if (problems.length > mostProblems) lines.push(`${name}: ${problems.length - mostProblems} more mistakes`)
  throw new SettingsError(lines.join('\n'))
}

function findProblems<T>(
  setting: Setting<T>,
  content: string,
  name: string,
): { readonly value: NonNullable<T>; readonly problems: readonly SettingProblem[] } {
  if (Buffer.byteLength(content) > mostBytes)
    throw new SettingsError(`${name}: the file is larger than ${mostBytes} bytes`)
  let parsed: unknown
  try {
    parsed = parseYaml(content, { maxBytes: mostBytes, maxDepth: mostDepth })
  } catch (error) {
    throw new SettingsError(`${name}: ${messageOf(error)}`)
  }
  const problems: SettingProblem[] = []
  const value = setting.read(parsed ?? {}, new SettingPlace(problems)) as NonNullable<T>
  return { value, problems }
}

/** `authentication.oidc.issuer`, `admission.disable[2]`. */
export function settingName(path: SettingPath): string {
  return path.reduce<string>(
    (name, step) => (typeof step === 'number' ? `${name}[${step}]` : name === '' ? step : `${name}.${step}`),
    '',
  )
}

/** The line of what a path leads to, or of the last part of the way that is there. */
function lineOf(content: string, path: SettingPath): number | undefined {
  const lines = new LineCounter()
  let node: unknown = parseDocument(content, { lineCounter: lines, version: '1.1', logLevel: 'silent' }).contents
  let position: number | undefined
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step)
      if (pair === undefined) break
      position = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? position
      node = pair.value
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step]
      position = (node as { range?: readonly number[] | null } | undefined)?.range?.[0] ?? position
    } else break
  }
  return position === undefined ? undefined : lines.linePos(position).line
}
