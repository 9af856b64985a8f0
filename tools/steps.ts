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

/**
 * Runs the steps one after another in the project's folder, a line of progress each; output is shown of steps that
 * fail, or of all with `show`. Stops at the first failure and returns its exit code; 0 when all went well.
 */
export async function runSteps(steps: readonly Step[], options: { readonly show?: boolean } = {}): Promise<number> {
  for (const { name, command } of steps) {
    const began = performance.now()
    process.stderr.write(`${name} ...${options.show === true ? '\n' : ''}`)
    const { code, output } = await runStep(command, options.show === true)
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    if (code === 0) {
      process.stderr.write(options.show === true ? `${name}: ${seconds} s\n` : ` ${seconds} s\n`)
      continue
    }
    process.stderr.write(
      ` FAILED after ${seconds} s\n${output}\n${name} failed: ${command.join(' ')} ended with ${code}\n`,
    )
    return code
  }
  return 0
}

function runStep(command: Step['command'], show: boolean): Promise<{ code: number; output: string }> {
  const [program, ...args] = command
  const path = [join(root, 'node_modules', '.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter)
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, PATH: path },
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    })
    const pieces: Buffer[] = []
    child.stdout?.on('data', (piece: Buffer) => pieces.push(piece))
    child.stderr?.on('data', (piece: Buffer) => pieces.push(piece))
    child.on('error', (error) => resolve({ code: 127, output: `Cannot run ${program}: ${error.message}` }))
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(pieces).toString() }))
  })
}
