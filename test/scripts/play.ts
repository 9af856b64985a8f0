/** Plays one session: its files, its commands, its own namespace and folder. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseDocument } from 'yaml'

import { matchOutput, type Captures, type Match } from './match.ts'
import { expectationFor, type Expectation, type Session, type Step } from './session.ts'
import { measureSlowness } from './slowness.ts'
import { rewriteExpected } from './update.ts'

/** What a session plays with. */
export interface Stage {
  /** The kubectl program. */
  readonly kubectl: string
  /** Its minor version; counts as newer than all when absent. */
  readonly minor?: number
  /** A kubeconfig whose current context is the cluster; sessions play with copies. */
  readonly kubeconfig: string
  readonly signal?: AbortSignal
  /** Between the first tries of a command that must come to hold; 500 unless told. Later ones are up to three times that apart. */
  readonly pollMs?: number
  /** How many times slower the machine is now than one that has nothing else to do; measured unless told. */
  readonly slowness?: () => Promise<number>
  /** Instead of failing, note what the file should say. */
  readonly update?: boolean
  /** Called before each step, for those who watch. */
  readonly report?: (line: string) => void
}

/** New expected lines for a part of the session's file. */
export interface Rewrite {
  readonly span: { readonly from: number; readonly to: number }
  readonly lines: readonly string[]
}

/** A session whose command did not do what it says. */
export class SessionFailure extends Error {
  override name = 'SessionFailure'
}

interface Answer {
  readonly code: number
  readonly output: string
  /** Set when the command was killed because its time was over. */
  readonly cut: boolean
}

/** How long a command may take that says nothing of it. */
const commandMs = 180_000

/** What kubectl before 1.34 says when the empty message that opens a command's stdout comes before it knows that stream. */
const earlyGreeting = /^E\d{4} \S+ +\d+ websocket\.go:\d+\] Unknown stream id 1, discarding message\n/gm
const mostOutputBytes = 4 * 1024 * 1024

/**
 * Plays a session to its end and returns the rewrites that `update` asks for. Throws SessionFailure with the command, what
 * was expected and what came. Whatever it started is ended, and its namespace is being deleted, either way.
 */
export async function playSession(session: Session, stage: Stage): Promise<readonly Rewrite[]> {
  const folder = await mkdtemp(join(tmpdir(), 'k8ts-session-'))
  const groups: number[] = []
  const namespace = `${/^[a-z0-9]+/.exec(session.name.toLowerCase())?.[0] ?? 'session'}-${folder.slice(-6).toLowerCase()}`
  const environment: Record<string, string> = {
    ...(process.env as Record<string, string>),
    PATH: `${join(folder, '.bin')}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
    KUBECONFIG: join(folder, '.kubeconfig'),
    HOME: folder,
    TERM: 'dumb',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    // A kubectl lives for some 100 ms: without collecting garbage it takes a quarter less of the processor.
    GOGC: 'off',
    GOMEMLIMIT: '512MiB',
  }
  const run = (command: string, ms: number, captures: Captures): Promise<Answer> =>
    runShell(command, folder, { ...environment, ...captures, namespace }, ms, groups, stage.signal)
  try {
    await mkdir(join(folder, '.bin'))
    await symlink(stage.kubectl, join(folder, '.bin', 'kubectl'))
    const kubeconfig = inNamespace(await readFile(stage.kubeconfig, 'utf8'), namespace)
    await writeFile(environment['KUBECONFIG']!, kubeconfig, { mode: 0o600 })
    const prepared = await run('kubectl create namespace "$namespace"', commandMs, {})
    if (prepared.code !== 0) throw new SessionFailure(`${session.name}: cannot make a namespace: ${prepared.output}`)
    await untilFurnished(session, stage, run)
    return await playSteps(session, stage, folder, run, namespace)
  } finally {
    for (const group of groups) killGroup(group)
    await runShell(
      `kubectl delete namespace "$namespace" --wait=false`,
      folder,
      { ...environment, namespace },
      commandMs,
      [],
    )
    await rm(folder, { recursive: true, force: true })
  }
}

/** A namespace gets an account and the authority of the server a moment after it was made, and pods need both. */
async function untilFurnished({ name }: Session, stage: Stage, run: Run): Promise<void> {
  const expect = { lines: [], exitCode: 0, within: 20_000, compare: 'contains', anyOrder: false } as const
  const command = 'kubectl get serviceaccount/default configmap/kube-root-ca.crt'
  const step = { do: 'run', line: 0, command, expect, span: { from: 0, to: 0 } } as const
  const outcome = await playCommand(step, {}, run, stage)
  if (!outcome.holds) throw new SessionFailure(`${name}: nothing furnishes the namespace: ${outcome.answer.output}`)
}

/** A kubeconfig whose current context is in a namespace, as `kubectl config set-context` writes it. */
function inNamespace(kubeconfig: string, namespace: string): string {
  const document = parseDocument(kubeconfig)
  const { contexts, 'current-context': current } = document.toJS() as {
    readonly contexts: readonly { readonly name: string }[]
    readonly 'current-context': string
  }
  const at = contexts.findIndex(({ name }) => name === current)
  document.setIn(['contexts', at, 'context', 'namespace'], namespace)
  return document.toString()
}

type Run = (command: string, ms: number, captures: Captures) => Promise<Answer>

async function playSteps(
  session: Session,
  stage: Stage,
  folder: string,
  run: Run,
  namespace: string,
): Promise<readonly Rewrite[]> {
  const rewrites: Rewrite[] = []
  let captures: Captures = { namespace }
  for (const written of session.steps) {
    const step =
      written.do === 'run' ? { ...written, expect: expectationFor(written.expect, stage.minor ?? Infinity) } : written
    stage.signal?.throwIfAborted()
    if (step.do === 'write') {
      const path = join(folder, step.name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, step.text)
      continue
    }
    stage.report?.(`${session.name}:${step.line}: ${step.command}`)
    const outcome = await playCommand(step, captures, run, stage)
    if (outcome.holds) {
      captures = outcome.captures
      continue
    }
    if (stage.update === true && written.do === 'run' && canRewrite(written.expect, outcome.answer)) {
      rewrites.push({ span: step.span, lines: rewriteExpected(step.expect, outcome.answer.output, captures) })
      continue
    }
    const around = await run(
      [
        'kubectl get pods -o wide',
        `kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{": "}{.status.message}{" "}{range .status.containerStatuses[*]}{.state.waiting}{.state.terminated}{end}{"\\n"}{end}'`,
        'kubectl get events --sort-by=.metadata.creationTimestamp | tail -n 25',
      ].join('; '),
      commandMs,
      captures,
    )
    throw new SessionFailure(
      `${describeFailure(session, step, outcome)}\n\nin the namespace:\n${indent(around.output)}`,
    )
  }
  return rewrites
}

const canRewrite = (expect: Expectation, answer: Answer): boolean =>
  expect.within === undefined &&
  expect.during === undefined &&
  expect.compare !== 'contains' &&
  !expect.anyOrder &&
  expect.versions === undefined &&
  codeFits(expect, answer.code)

type Outcome =
  | { readonly holds: true; readonly captures: Captures }
  | {
      readonly holds: false
      readonly answer: Answer
      readonly match: Match
      readonly tries: number
      readonly ms: number
      /** How many times slower than usual the machine was found to be. */
      readonly slow: number
    }

async function playCommand(
  { expect, command }: Step & { do: 'run' },
  captures: Captures,
  run: Run,
  { pollMs = 500, slowness = () => measureSlowness(() => run('kubectl version --client', commandMs, {})) }: Stage,
): Promise<Outcome> {
  const { within, during, atMost } = expect
  let slow = atMost === undefined ? 1 : await slowness()
  const began = performance.now()
  const passed = (): number => performance.now() - began
  for (let tries = 1; ; tries++) {
    const left = Math.max(0, (within ?? during ?? 0) - passed())
    const answer = await run(command, atMost === undefined ? commandMs + left : atMost * slow, captures)
    const match = matchOutput(expect, answer.output, captures)
    const holds = match.matches && codeFits(expect, answer.code) && !answer.cut
    if (holds && (during === undefined || passed() >= during)) return { holds, captures: match.captures }
    if (!holds) {
      // The limits are those of a machine that has nothing else to do: another one gets as much more time as it is slower.
      if (within !== undefined && passed() >= within * slow) slow = Math.max(slow, await slowness())
      if (within === undefined || passed() >= within * slow) return { holds, answer, match, tries, ms: passed(), slow }
    }
    await sleep(Math.min(1 + passed() / 5_000, 3) * pollMs)
  }
}

const codeFits = ({ exitCode }: Expectation, code: number): boolean =>
  exitCode === 'not 0' ? code !== 0 : code === exitCode

function describeFailure(
  session: Session,
  { line, command, expect }: Step & { do: 'run' },
  { answer, match, tries, ms, slow }: Outcome & { holds: false },
): string {
  const missing = match.matches ? undefined : match.firstMissing
  const options = [
    ...(expect.compare === 'whole' ? [] : [expect.compare]),
    ...(expect.anyOrder ? ['in any order'] : []),
    ...(expect.within === undefined ? [] : [`within ${expect.within / 1000} s`]),
    ...(expect.during === undefined ? [] : [`during ${expect.during / 1000} s`]),
    `exit code ${expect.exitCode}`,
  ]
  let marked = false
  const expected = expect.lines.map((text) => {
    const isMissing = !marked && missing !== undefined && text.replaceAll(/\s+/g, ' ').trim() === missing.trim()
    marked ||= isMissing
    return isMissing ? `  > ${text}    <- nothing matches` : `    ${text}`
  })
  const tried = tries === 1 ? '' : `, ${tries} tries`
  const how = slow === 1 ? '' : `, on a machine that is ${slow.toFixed(1)} times slower than usual`
  const cut = answer.cut ? ', killed because its time was over' : ''
  return [
    `${session.name}:${line}: after ${(ms / 1000).toFixed(1)} s${tried}${how}`,
    ...command.split('\n').map((text, index) => `${index === 0 ? '  $' : '  >'} ${text}`),
    `  expected (${options.join(', ')}):`,
    ...(expected.length === 0 ? ['    nothing'] : expected),
    `  got (exit code ${answer.code}${cut}):`,
    answer.output === '' ? '    nothing' : indent(answer.output),
  ].join('\n')
}

const indent = (text: string): string =>
  text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')

/** Runs a command in a process group of its own, whose number is kept in `groups` while anything of it lives. */
function runShell(
  command: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
  ms: number,
  groups: number[],
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', `exec 2>&1\n${command}`], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pieces: Buffer[] = []
    let bytes = 0
    let cut = false
    const end = (): void => {
      if (child.pid !== undefined) killGroup(child.pid)
    }
    const timer = setTimeout(() => {
      cut = true
      end()
    }, ms)
    signal?.addEventListener('abort', end, { once: true })
    child.stdout.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= mostOutputBytes) pieces.push(piece)
      else end()
    })
    child.on('error', reject)
    child.on('close', (code, by) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      if (child.pid !== undefined && groupLives(child.pid)) groups.push(child.pid)
      const note = bytes > mostOutputBytes ? `\n(more than ${mostOutputBytes} bytes of output)` : ''
      const output = Buffer.concat(pieces).toString().replaceAll(earlyGreeting, '')
      resolve({ code: code ?? (by === 'SIGKILL' ? 137 : 143), output: output + note, cut })
    })
  })
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // Everything of it has ended already.
  }
}

function groupLives(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch {
    return false
  }
}
