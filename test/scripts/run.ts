// Plays sessions on the cluster of KUBECONFIG: `node test/scripts/run.ts [--update] [--verbose] [--at-once N] [--kubectl 1.30|all] [S02 ...]`.
// `--kubectl all` plays every version that is found, one after the other; `KUBECTL` names programs, see tools/kubectl.ts.
// `--update` writes what came into the files, where that makes sense; look at the difference before you keep it.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { describeKubectls, everyKubectl, type Kubectl } from '../../tools/kubectl.ts'
import { playSession, type Rewrite } from './play.ts'
import { readSessions, type SessionFile } from './readSessions.ts'

const { values, positionals } = parseArgs({
  options: {
    update: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    'at-once': { type: 'string', default: '1' },
    kubectl: { type: 'string' },
  },
  allowPositionals: true,
})

/** The text of a session file with other expected lines. */
export function applyRewrites(text: string, rewrites: readonly Rewrite[]): string {
  const lines = text.split('\n')
  for (const { span, lines: expected } of rewrites.toReversed())
    lines.splice(span.from, span.to - span.from, ...expected)
  return lines.join('\n')
}

async function playAll(): Promise<number> {
  const kubeconfig = process.env['KUBECONFIG']
  if (kubeconfig === undefined) throw new Error('KUBECONFIG does not say which cluster: "k8ts up" makes one')
  const all = await everyKubectl((line) => console.error(line))
  const newest = all[0]!
  if (values.kubectl === 'all') console.error(describeKubectls(all))
  else if (values.kubectl !== undefined && !all.some(({ major, minor }) => `${major}.${minor}` === values.kubectl)) {
    throw new Error(`there is no kubectl ${values.kubectl}; there are ${all.map(({ version }) => version).join(', ')}`)
  }
  const left = [...readSessions(positionals)]
  if (left.length === 0) throw new Error(`no session begins with ${positionals.join(' or ')}`)
  const failed: string[] = []
  const play = async (file: SessionFile): Promise<void> => {
    const version = values.kubectl ?? file.session.kubectl
    if (version === 'all') for (const kubectl of all) await playWith(kubectl, file)
    else await playWith(all.find(({ major, minor }) => `${major}.${minor}` === version) ?? newest, file)
  }
  const playWith = async (kubectl: Kubectl, { path, text, session }: SessionFile): Promise<void> => {
    const began = performance.now()
    const name = values.kubectl === 'all' ? `${session.name} with kubectl ${kubectl.version}` : session.name
    try {
      const rewrites = await playSession(session, {
        kubectl: kubectl.path,
        minor: kubectl.minor,
        kubeconfig,
        update: values.update,
        ...(values.verbose ? { report: (line: string) => console.error(line) } : {}),
      })
      if (rewrites.length > 0) writeFileSync(path, applyRewrites(text, rewrites))
      const changed = rewrites.length === 0 ? '' : ` (${rewrites.length} expectations rewritten)`
      console.log(`ok      ${name}  ${((performance.now() - began) / 1000).toFixed(1)} s${changed}`)
    } catch (error) {
      failed.push(name)
      console.log(`FAILED  ${name}  ${((performance.now() - began) / 1000).toFixed(1)} s`)
      console.log((error as Error).message)
    }
  }
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await play(next)
  }
  await Promise.all(Array.from({ length: Math.max(1, Number(values['at-once'])) }, worker))
  if (failed.length > 0) console.log(`${failed.length} failed: ${failed.join(', ')}`)
  return failed.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await playAll()
