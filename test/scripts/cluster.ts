/** The cluster on which all sessions play: made with the command that people use, and nothing of it may remain. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A running cluster. */
export interface TestCluster {
  readonly kubeconfig: string
  /** Ends it; rejects with the inventory when anything of it remains. */
  end(): Promise<void>
}

/** Throws what is missing when this machine cannot run the sessions. */
export function requireRoot(): void {
  if (process.getuid?.() === 0) return
  throw new Error(
    'The sessions run real containers, which needs root and a machine that allows namespaces: "sudo npm test"',
  )
}

/** Builds the images of `test/images` and makes a fresh cluster; progress goes to `report` line by line. */
export async function makeCluster(name: string, workers: number, report: (line: string) => void): Promise<TestCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'k8ts-sessions-'))
  const kubeconfig = join(folder, 'kubeconfig')
  const k8ts = (...words: string[]): Promise<string> => runK8ts(words, kubeconfig, report)
  const end = async (): Promise<void> => {
    await k8ts('down', name)
    await rm(folder, { recursive: true, force: true })
    // Ends with 1, so rejects, when there is anything.
    await k8ts('inventory', name)
  }
  try {
    await k8ts('down', name)
    await k8ts('up', name, '--workers', String(workers))
    // To this cluster only: others of the machine may be on their way out.
    await k8ts('image', 'build', '--file', join(root, 'test/images'), '--cluster', name)
  } catch (error) {
    await end().catch((also: Error) => report(also.message))
    throw error
  }
  return { kubeconfig, end }
}

/** Runs `k8ts` to its end and returns its standard output; rejects with all it said when it fails. */
function runK8ts(words: readonly string[], kubeconfig: string, report: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'bin/k8ts.js'), ...words], {
      cwd: root,
      env: { ...process.env, KUBECONFIG: kubeconfig },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 300_000,
    })
    let output = ''
    let said = ''
    child.stdout.on('data', (piece: Buffer) => {
      output += piece.toString()
    })
    child.stderr.on('data', (piece: Buffer) => {
      said += piece.toString()
      for (const line of piece.toString().split('\n')) if (line.trim() !== '') report(line)
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new Error(`k8ts ${words.join(' ')} ended with ${code}:\n${said}${output}`))
    })
  })
}
