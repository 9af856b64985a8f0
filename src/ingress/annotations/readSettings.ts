import { annotationPrefix, annotations, refusedAnnotations, type AnnotationRow, type Settings } from './annotations.ts'
import { isMisfit } from './readers.ts'

/** Something of an ingress that is not done, to be told on it. */
export interface Problem {
  /** One word in CamelCase. */
  readonly reason: string
  readonly message: string
}

export interface ReadSettings {
  readonly settings: Settings
  readonly problems: readonly Problem[]
  /** Whether something that would have kept requests away could not be understood. */
  readonly unprotected: boolean
}

const longestValue = 8_000
const mostProblems = 20
/** What can be printed, but for quotes. */
const plain = /^[\x20\x21\x23-\x26\x28-\x5f\x61-\x7e]*$/

/** Reads all annotations of an ingress that are meant for its controller. Never throws. */
export function readSettings(all: Readonly<Record<string, string>> = {}): ReadSettings {
  const settings: Record<string, unknown> = {}
  const problems: Problem[] = []
  let unprotected = false
  const tell = (reason: string, message: string): void => {
    if (problems.length < mostProblems) problems.push({ reason, message })
  }
  for (const [key, text] of Object.entries(all)) {
    if (!key.startsWith(annotationPrefix)) continue
    const name = key.slice(annotationPrefix.length)
    const row: AnnotationRow | undefined = Object.hasOwn(annotations, name)
      ? annotations[name as keyof typeof annotations]
      : undefined
    if (row === undefined) {
      const refused = Object.hasOwn(refusedAnnotations, name) ? refusedAnnotations[name] : undefined
      unprotected ||= refused?.protects === true
      if (refused === undefined) tell('UnknownAnnotation', `Annotation ${key} is not known and has no effect`)
      else tell('RefusedAnnotation', `Annotation ${key} has no effect: ${refused.why}`)
      continue
    }
    const value = plain.test(text) && text.length <= longestValue ? row.reads(text.trim()) : undefined
    if (value !== undefined && !isMisfit(value)) {
      settings[name] = value
      continue
    }
    unprotected ||= row.protects === true
    const right =
      value === undefined ? `at most ${longestValue} printable ASCII characters without quotes` : value.mustBe
    tell('InvalidAnnotation', `Annotation ${key} is ${shown(text)}; it must be ${right}`)
  }
  return { settings: settings as Settings, problems, unprotected }
}

/** A value as it may stand in a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text)
}
