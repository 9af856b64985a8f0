import { spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** One command of a larger task, with the name under which its progress is shown. */
export interface Step {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

/** The pinned Node, with a file and its arguments. */
export function nodeStep(name: string, ...args: string[]): Step {
  return { name, command: [process.execPath, ...args] }
}

export interface RunOptions {
  /** Shows all output as it comes, not only that of steps that fail; a promise: from when it settles, with what came before. */
  readonly show?: boolean | Promise<void>
  /** How many steps run at the same time; one when absent. */
  readonly atOnce?: number
  /** Added to the environment of every step. */
  readonly environment?: Readonly<Record<string, string>>
}

/**
 * Runs the steps in the project's folder, begun in their order, and says of each how it went. After a failure no other is
 * begun. Returns the exit code of the first that failed; 0 when all went well.
 */
export async function runSteps(steps: readonly Step[], options: RunOptions = {}): Promise<number> {
  const { atOnce = 1 } = options
  let failure = 0
  const left = [...steps]
  const runNext = async (): Promise<void> => {
    for (let step = left.shift(); step !== undefined && failure === 0; step = left.shift()) {
      const { name, command } = step
      const began = performance.now()
      if (options.show === true) process.stderr.write(`${name} ...\n`)
      const { code, output } = await runStep(command, options)
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      if (code === 0) process.stderr.write(`${name}: ${seconds} s\n`)
      else {
        process.stderr.write(`${output}\n${name} FAILED after ${seconds} s: ${command.join(' ')} ended with ${code}\n`)
        failure ||= code
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, runNext))
  return failure
}

function runStep(
  command: Step['command'],
  { show = false, environment = {} }: RunOptions,
): Promise<{ code: number; output: string }> {
  const [program, ...args] = command
  const inherits = show === true
  const path = [join(root, 'node_modules', '.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter)
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, PATH: path, ...environment },
      stdio: ['ignore', inherits ? 'inherit' : 'pipe', inherits ? 'inherit' : 'pipe'],
    })
    const pieces: Buffer[] = []
    let shown = false
    const take = (piece: Buffer): void => void (shown ? process.stderr.write(piece) : pieces.push(piece))
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    if (typeof show === 'object') {
      void show.then(() => {
        shown = true
        for (const piece of pieces.splice(0)) process.stderr.write(piece)
      })
    }
    child.on('error', (error) => resolve({ code: 127, output: `Cannot run ${program}: ${error.message}` }))
    child.on('close', (code) => {
      const output = Buffer.concat(pieces).toString()
      // Of a step that failed its caller tells all, so that it is not shown once more.
      if (code !== 0) pieces.length = 0
      resolve({ code: code ?? 1, output })
    })
  })
}
