/**
 * test/scripts: executable sessions with the real kubectl. `sessions/*.session` are what a person types and sees; this
 * file reads them, `match.ts` compares what was expected with what came, `play.ts` plays one session, `run.ts` is the
 * command line, `sessions.test.ts` plays all of them on a cluster of their own, `kubectlVersions.test.ts` some of them with
 * every kubectl of the machine on clusters without containers (`playedCluster.ts`).
 *
 * A session file:
 *
 *     # A comment. Lines that begin with `#`, `$`, `?`, `@`, `...` or `<<FILE` mean something; `\#` is a `#` of output.
 *     @waits 30                           mostly waits, for about these seconds: plays beside what keeps the machine busy
 *     @alone                              changes nodes for everybody: plays when no other does
 *     @long                               plays only on request: takes minutes
 *     @kubectl 1.30                       plays with this version where there is one
 *     @also 1.30 1.32                     plays with these versions too, where there are
 *
 *     <<FILE pod.yaml                     a file in the session's folder, up to the line FILE
 *     kind: Pod
 *     FILE
 *
 *     $ kubectl get pod web               run by sh; following lines that begin with `> ` belong to it
 *     ... within 20s                      how to look at the answer, see `Expectation`
 *     NAME  READY  STATUS   RESTARTS  AGE
 *     web   1/1    Running  0         <age>
 *
 *     $ kubectl get pod none
 *     Error from server (NotFound): pods "none" not found
 *     ? 1                                 exit code; 0 when absent; `? not 0`
 *
 *     $ kubectl annotate deploy x a=b
 *     @..1.27 deployment.apps/x annotate  a line that only these versions of kubectl print; others may print another
 *     @1.28.. deployment.apps/x annotated
 *
 * Standard output and error are one stream. Spacing and blank lines do not count, except with `exactly`. A line `...` in
 * the expected output stands for any number of lines. Placeholders are listed in `match.ts`; `<ip:pod>` also remembers
 * the text, as `<=pod>` later and as the shell variable `$pod`. `$namespace` is the session's own namespace.
 * Programs in the background (`&`) redirect their output; they end with the session.
 */

import { checkLine, PatternError } from './match.ts'

/** What an answer must be like. */
export interface Expectation {
  /** Expected lines, as written. */
  readonly lines: readonly string[]
  readonly exitCode: number | 'not 0'
  /** Try again until it holds, for at most this long (milliseconds); longer on a machine that is busy, see `slowness.ts`. */
  readonly within?: number
  /** It must hold each time during this long (milliseconds). */
  readonly during?: number
  /** The command must have ended after this long (milliseconds); longer on a machine that is busy. */
  readonly atMost?: number
  /** `exactly`: byte for byte. `contains`: other lines may stand between. */
  readonly compare: 'whole' | 'exactly' | 'contains'
  readonly anyOrder: boolean
  /** Of the lines that not every version of kubectl prints, by their index. */
  readonly versions?: ReadonlyMap<number, VersionRange>
}

/** Minor versions of kubectl 1, both included; open where absent. */
export interface VersionRange {
  readonly from?: number
  readonly to?: number
}

/** One step of a session. */
export type Step =
  | { readonly do: 'write'; readonly line: number; readonly name: string; readonly text: string }
  | {
      readonly do: 'run'
      /** Number of the `$` line, from 1. */
      readonly line: number
      readonly command: string
      readonly expect: Expectation
      /** The lines of the file that hold the expected output: from, up to but not including; from 0. */
      readonly span: { readonly from: number; readonly to: number }
    }

/** A session as its file says it. */
export interface Session {
  readonly name: string
  /** First comment of the file. */
  readonly title: string
  /** Seconds that it mostly spends waiting; 0 when it keeps the machine busy. */
  readonly waits: number
  readonly alone: boolean
  readonly long: boolean
  readonly kubectl?: string
  /** More versions of kubectl with which it must go the same way. */
  readonly also: readonly string[]
  readonly steps: readonly Step[]
}

/** A session file that cannot be understood; the message begins with `FILE:LINE`. */
export class SessionFileError extends Error {
  override name = 'SessionFileError'
}

const defaultExpectation: Expectation = { lines: [], exitCode: 0, compare: 'whole', anyOrder: false }

/** Reads a session file. Throws SessionFileError with the line of the first mistake. */
export function parseSession(name: string, text: string): Session {
  const lines = text.split('\n')
  const steps: Step[] = []
  let title: string | undefined
  let waits = 0
  let alone = false
  let long = false
  let kubectl: string | undefined
  let also: readonly string[] = []
  const remembered = new Set(['namespace'])
  const fail = (index: number, what: string): never => {
    throw new SessionFileError(`${name}:${index + 1}: ${what}`)
  }
  for (let index = 0; index < lines.length;) {
    const line = lines[index]!
    if (line.startsWith('#')) {
      title ??= line.slice(1).trim()
      index++
    } else if (line.trim() === '') {
      index++
    } else if (line.startsWith('@')) {
      const [word, ...versions] = line.trim().slice(1).split(/\s+/)
      const areVersions = versions.length > 0 && versions.every((version) => /^\d+\.\d+$/.test(version))
      if (word === 'waits' && /^\d+$/.test(versions.join(' '))) waits = Number(versions[0])
      else if (word === 'alone' && versions.length === 0) alone = true
      else if (word === 'long' && versions.length === 0) long = true
      else if (word === 'kubectl' && areVersions && versions.length === 1) kubectl = versions[0]
      else if (word === 'also' && areVersions) also = versions
      else
        fail(index, `"${line}" is none of: @waits SECONDS, @alone, @long, @kubectl MAJOR.MINOR, @also MAJOR.MINOR ...`)
      index++
    } else if (line.startsWith('<<FILE')) {
      const file = /^<<FILE (\S+)$/.exec(line)?.[1] ?? fail(index, 'write "<<FILE NAME"')
      if (file.startsWith('/') || file.split('/').includes('..')) fail(index, `"${file}" leaves the session's folder`)
      const end = lines.indexOf('FILE', index)
      if (end < 0) fail(index, `the file "${file}" has no end: a line FILE`)
      const content = lines.slice(index + 1, end).map((text) => `${text}\n`)
      steps.push({ do: 'write', line: index + 1, name: file, text: content.join('') })
      index = end + 1
    } else if (line.startsWith('$ ')) {
      const { step, next } = parseCommand(lines, index, fail)
      for (const expected of step.expect.lines) {
        try {
          checkLine(expected, remembered)
        } catch (error) {
          if (!(error instanceof PatternError)) throw error
          fail(index, `${error.message} (in "${expected}")`)
        }
      }
      steps.push(step)
      index = next
    } else {
      fail(index, `expected a command ("$ ..."), not "${line}"`)
    }
  }
  return { name, title: title ?? name, waits, alone, long, also, steps, ...(kubectl === undefined ? {} : { kubectl }) }
}

function parseCommand(
  lines: readonly string[],
  start: number,
  fail: (index: number, what: string) => never,
): { step: Step & { do: 'run' }; next: number } {
  const command = [lines[start]!.slice(2)]
  let index = start + 1
  while (lines[index]?.startsWith('> ') === true || lines[index] === '>') command.push(lines[index++]!.slice(2))
  let expect: Expectation = defaultExpectation
  if (lines[index]?.startsWith('... ') === true) {
    expect = parseOptions(lines[index]!, (what) => fail(index, what))
    index++
  }
  const from = index
  let to = from
  const expected: string[] = []
  const versions = new Map<number, VersionRange>()
  let ended = false
  for (; index < lines.length; index++) {
    const line = lines[index]!
    const versioned = /^@(?:1\.(\d+))?\.\.(?:1\.(\d+))? (.*)$/.exec(line)
    if (versioned === null && /^(\$ |@|<<FILE)/.test(line)) break
    if (line.startsWith('#')) continue
    if (line.startsWith('?')) {
      const code = /^\? (\d+|not 0)$/.exec(line)?.[1] ?? fail(index, 'write "? CODE" or "? not 0"')
      if (ended) fail(index, 'the exit code stands there already')
      expect = { ...expect, exitCode: code === 'not 0' ? code : Number(code) }
      ended = true
      continue
    }
    if (ended && line.trim() !== '') fail(index, 'the exit code stands after the output')
    if (ended) continue
    if (versioned === null) expected.push(line.replace(/^\\(?=[#$?@\\]|\.\.\.|<<FILE)/, ''))
    else {
      const [, from, to, text = ''] = versioned
      const range = {
        ...(from === undefined ? {} : { from: Number(from) }),
        ...(to === undefined ? {} : { to: Number(to) }),
      }
      if (from === undefined && to === undefined) fail(index, 'write "@FROM.. TEXT", "@..TO TEXT" or "@FROM..TO TEXT"')
      versions.set(expected.push(text) - 1, range)
    }
    if (line.trim() !== '') to = index + 1
  }
  while (expected.at(-1)?.trim() === '') expected.pop()
  const step: Step & { do: 'run' } = {
    do: 'run',
    line: start + 1,
    command: command.join('\n'),
    expect: { ...expect, lines: expected, ...(versions.size === 0 ? {} : { versions }) },
    span: { from, to },
  }
  return { step, next: index }
}

/** What is expected of one version of kubectl. */
export function expectationFor({ versions, ...expect }: Expectation, minor: number): Expectation {
  if (versions === undefined) return expect
  const isPrinted = ({ from = 0, to = Infinity }: VersionRange): boolean => from <= minor && minor <= to
  return { ...expect, lines: expect.lines.filter((_, index) => isPrinted(versions.get(index) ?? {})) }
}

function parseOptions(line: string, fail: (what: string) => never): Expectation {
  let expect = defaultExpectation
  for (const option of line
    .slice(4)
    .split(',')
    .map((text) => text.trim())) {
    const timed = /^(within|during|at most) (\d+(?:\.\d+)?)s$/.exec(option)
    if (timed !== null) {
      const ms = Math.round(Number(timed[2]) * 1000)
      if (timed[1] === 'within') expect = { ...expect, within: ms }
      else if (timed[1] === 'during') expect = { ...expect, during: ms }
      else expect = { ...expect, atMost: ms }
    } else if (option === 'exactly' || option === 'contains') {
      expect = { ...expect, compare: option }
    } else if (option === 'in any order') {
      expect = { ...expect, anyOrder: true }
    } else {
      fail(`"${option}" is none of: within Ns, during Ns, at most Ns, exactly, contains, in any order`)
    }
  }
  if (expect.within !== undefined && expect.during !== undefined) fail('"within" and "during" exclude each other')
  if (expect.compare === 'exactly' && expect.anyOrder) fail('"exactly" has an order')
  return expect
}
