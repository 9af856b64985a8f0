// Which level of the Pod Security Standards holds in a namespace, and what of a pod breaks it.
import { createReport, type FieldProblem } from '#machinery/validate/report.ts'
import { baselineChecks } from './baselineChecks.ts'
import type { PodLike, Violation } from './check.ts'
import { restrictedChecks } from './restrictedChecks.ts'

/** From the most open to the strictest. */
export const levels = ['privileged', 'baseline', 'restricted'] as const
export type Level = (typeof levels)[number]

/** A level as of a minor version of Kubernetes, or as of the newest one. */
export interface LevelVersion {
  readonly level: Level
  readonly version: 'latest' | number
}

/** What holds for a namespace: refused, noted in the audit log, said as a warning. */
export interface Policy {
  readonly enforce: LevelVersion
  readonly audit: LevelVersion
  readonly warn: LevelVersion
}

/** Reads `latest` or `v1.30`; undefined for anything else. */
export function readVersion(text: string): LevelVersion['version'] | undefined {
  const minor = /^v1\.(0|[1-9][0-9]{0,8})$/.exec(text)?.[1]
  return minor === undefined ? (text === 'latest' ? text : undefined) : Number(minor)
}

export const labelPrefix = 'pod-security.kubernetes.io/'

export function isStricter(one: Level, other: Level): boolean {
  return levels.indexOf(one) > levels.indexOf(other)
}

/** `restricted:latest`, `baseline:v1.30`. */
export function policyText({ level, version }: LevelVersion): string {
  return `${level}:${version === 'latest' ? version : `v1.${version}`}`
}

export function sameLevelVersion(one: LevelVersion, other: LevelVersion): boolean {
  return one.level === other.level && one.version === other.version
}

/**
 * The policy that a namespace's labels ask for. There is always one: what cannot be read is restricted where it is
 * enforced and nothing elsewhere.
 */
export function policyOf(
  labels: Readonly<Record<string, string>> | undefined,
  defaults: Policy,
): { readonly policy: Policy; readonly problems: readonly FieldProblem[] } {
  const { report, problems } = createReport()
  if (labels === undefined) return { policy: defaults, problems }
  const label = (name: string): string | undefined =>
    Object.hasOwn(labels, labelPrefix + name) ? labels[labelPrefix + name] : undefined
  const read = (mode: keyof Policy): LevelVersion => {
    let { level, version } = defaults[mode]
    const place = report.at('metadata', 'labels')
    const levelText = label(mode)
    if (levelText !== undefined) {
      if ((levels as readonly string[]).includes(levelText)) level = levelText as Level
      else {
        level = mode === 'enforce' ? 'restricted' : 'privileged'
        place.key(`${labelPrefix}${mode}`).invalid(levelText, `must be one of ${levels.join(', ')}`)
      }
    }
    const versionText = label(`${mode}-version`)
    if (versionText !== undefined) {
      const read = readVersion(versionText)
      version = read ?? 'latest'
      if (read === undefined) {
        place.key(`${labelPrefix}${mode}-version`).invalid(versionText, 'must be "latest" or "v1.x"')
      }
    }
    return { level, version }
  }
  const [enforce, audit] = [read('enforce'), read('audit')]
  let warn = read('warn')
  const enforceIsReadable = label('enforce') === enforce.level
  if (label('warn') === undefined && enforceIsReadable && isStricter(enforce.level, warn.level)) {
    warn = { level: enforce.level, version: label('warn-version') === undefined ? enforce.version : warn.version }
  }
  return { policy: { enforce, audit, warn }, problems }
}

/** Everything about a pod that a level forbids. */
export function violationsOf({ level, version }: LevelVersion, pod: PodLike): readonly Violation[] {
  if (level === 'privileged') return []
  const minor = version === 'latest' ? Infinity : version
  const current = (checks: typeof baselineChecks) =>
    checks.flatMap(({ id, replaces, revisions }) => {
      const revision = revisions.findLast(({ since }) => since <= minor)
      return revision === undefined ? [] : [{ id, replaces, judge: revision.judge }]
    })
  const restricted = level === 'restricted' ? current(restrictedChecks) : []
  const replaced = new Set(restricted.map(({ replaces }) => replaces))
  const checks = [...current(baselineChecks).filter(({ id }) => !replaced.has(id)), ...restricted]
  return checks.flatMap(({ judge }) => judge(pod) ?? [])
}

/** `privileged (container "c" must not …), hostPort (…)`. */
export function violationDetails(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ')
}

export function violationReasons(violations: readonly Violation[]): string {
  return violations.map(({ reason }) => reason).join(', ')
}
