import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '#machinery/schema/model.ts'

/** The files of recorded answers that this server is compared with. */
export const goldenFiles = [
  'defaults.json',
  'field-errors.json',
  'table-columns.json',
  'patches.json',
  'apply.json',
  'rest-errors.json',
  'bootstrap.json',
] as const
export type GoldenFile = (typeof goldenFiles)[number]

/** One question with the recorded answer and ours. */
export interface Comparison {
  readonly file: GoldenFile
  readonly what: string
  readonly recorded: unknown
  readonly ours: unknown
}

/** A difference that is right: the recorded server is older. Each holds for the named questions, or for a whole file. */
export interface Difference {
  readonly file: GoldenFile
  /** The questions as `Comparison.what` names them; all of the file when absent. */
  readonly questions?: readonly string[]
  /** Texts to be replaced in the recorded answer, wherever they stand. */
  readonly replace?: readonly (readonly [string, string])[]
  /** The recorded answer as it must be now, by path; `null` takes the member away. */
  readonly now?: Readonly<Record<string, unknown>>
  readonly why: string
}

/** What became of a comparison. */
export interface Verdict extends Comparison {
  readonly outcome: 'agrees' | 'agrees with a known difference' | 'differs'
  /** The recorded answer after the known differences. */
  readonly expected: unknown
}

/** Reads a file of recorded answers. */
export function readGolden<T>(directory: string, file: GoldenFile): T {
  return JSON.parse(readFileSync(join(directory, file), 'utf8')) as T
}

/** Judges comparisons by the known differences. */
export function judge(comparisons: readonly Comparison[], known: readonly Difference[]): Verdict[] {
  return comparisons.map((comparison) => {
    const { file, what, recorded, ours } = comparison
    if (isDeepStrictEqual(plain(recorded), plain(ours))) return { ...comparison, outcome: 'agrees', expected: recorded }
    const differences = known.filter(
      (d) => d.file === file && (d.questions === undefined || d.questions.includes(what)),
    )
    const expected = differences.reduce(applyDifference, plain(recorded))
    const agrees = isDeepStrictEqual(expected, plain(ours))
    return { ...comparison, outcome: agrees ? 'agrees with a known difference' : 'differs', expected }
  })
}

/** The differences that no comparison needs: named questions that agree without them, or that do not exist. */
export function needless(comparisons: readonly Comparison[], known: readonly Difference[]): string[] {
  const unneeded: string[] = []
  for (const difference of known) {
    for (const question of difference.questions ?? []) {
      const asked = comparisons.find(({ file, what }) => file === difference.file && what === question)
      const others = known.filter((other) => other !== difference)
      const holds = asked !== undefined && judge([asked], others)[0]!.outcome === 'differs'
      if (!holds) unneeded.push(`${difference.file}: ${question} (${difference.why})`)
    }
  }
  return unneeded
}

function applyDifference(answer: unknown, { replace = [], now = {} }: Difference): unknown {
  let text = JSON.stringify(answer)
  for (const [from, to] of replace) text = text.replaceAll(quoted(from), quoted(to))
  const changed: unknown = JSON.parse(text)
  for (const [path, value] of Object.entries(now)) setAt(changed as JsonObject, path, value ?? undefined)
  return changed
}

const quoted = (text: string): string => JSON.stringify(text).slice(1, -1)

/** Sets what is at a path of names and list positions joined by `/`; `-` is the end of a list, undefined takes away. */
export function setAt(root: JsonObject, path: string, value: unknown): void {
  const steps = path.split('/')
  const last = steps.pop()!
  let at: any = root
  for (const step of steps) at = at[step] ??= {}
  if (Array.isArray(at) && last === '-') at.push(value)
  else if (Array.isArray(at) && value === undefined) at.splice(Number(last), 1)
  else if (value === undefined) delete at[last]
  else at[last] = value
}

const volatile = new Set([
  'uid',
  'creationTimestamp',
  'resourceVersion',
  'selfLink',
  'time',
  'managedFields',
  'clusterIP',
  'clusterIPs',
  'nodePort',
  'firstTimestamp',
  'lastTimestamp',
  'lastPhaseTransitionTime',
])

/** An object without what is different in every cluster, as recorded answers have it. */
export function scrubbed(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner: unknown) => (volatile.has(key) ? undefined : inner))
  return text === undefined
    ? undefined
    : JSON.parse(withoutUids(text).replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-x'))
}

/** JSON alone: without members that are undefined. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

/** Where two answers differ, one line for each value. */
export function differingParts(recorded: unknown, ours: unknown, path = ''): string[] {
  if (isDeepStrictEqual(recorded, ours)) return []
  const isBranch = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null
  if (!isBranch(recorded) || !isBranch(ours)) {
    return [`${path}`, `  recorded ${JSON.stringify(recorded)}`, `  ours     ${JSON.stringify(ours)}`]
  }
  const names = new Set([...Object.keys(recorded), ...Object.keys(ours)])
  return [...names].flatMap((name) =>
    differingParts(recorded[name], ours[name], path === '' ? name : `${path}/${name}`),
  )
}

/** A text without uids. */
export function withoutUids(text: string): string {
  return text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'uid')
}
