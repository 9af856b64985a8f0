/** The kubectls of this machine, each against a cluster of its own without containers. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { describeKubectls, everyKubectl, type Kubectl } from '../../tools/kubectl.ts'
import { playSession } from './play.ts'
import { readSessions } from './readSessions.ts'
import { playCluster } from './playedCluster.ts'

/** Sessions that need no commands inside of containers, and long tables of commands. */
const sessions = ['S04', 'S05', 'S06', 'S08', 'S09', 'commands-', 'server-side-apply']
const atOnce = 3

const kubectls = await everyKubectl((line) => console.log(line))
/**
 * All of this takes minutes, so it is only done on request. The newest version plays the same sessions on real containers,
 * and some of them are played there with others too (`@also`).
 */
const skip = (process.env['EVERY_KUBECTL'] ?? '') === '' ? 'EVERY_KUBECTL=1 plays it' : false

describe(`sessions with ${describeKubectls(kubectls)}`, { concurrency: atOnce }, () => {
  for (const kubectl of kubectls) {
    const { path, minor, version } = kubectl
    it(`${version}: ${sessions.join(' ')}`, { skip }, async (context) => {
      await using cluster = await playCluster()
      for (const { session } of readSessions(sessions)) {
        await playSession(session, { kubectl: path, minor, kubeconfig: cluster.kubeconfig, signal: context.signal })
      }
    })
  }
})

it(`every kind and version is explained by ${kubectls[0]!.version}`, { skip }, async () => {
  await using cluster = await playCluster()
  const ask: Ask = (...words) => run(kubectls[0]!, cluster.kubeconfig, cluster.folder, words)
  const left = await servedKinds(ask)
  assert.ok(left.length > 80, `${left.length} kinds`)
  const explainAll = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      checkExplanation(await ask('explain', '--recursive', '--api-version', next.groupVersion, next.name), next)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, explainAll))
})

interface ServedKind {
  readonly groupVersion: string
  readonly name: string
  readonly kind: string
}

type Ask = (...words: string[]) => Promise<string>

async function run({ path }: Kubectl, kubeconfig: string, folder: string, words: string[]): Promise<string> {
  const where = ['--kubeconfig', kubeconfig, '--cache-dir', folder]
  const { stdout } = await promisify(execFile)(path, [...where, ...words], { maxBuffer: 16 * 1024 * 1024 })
  return stdout
}

async function servedKinds(ask: Ask): Promise<ServedKind[]> {
  const kinds: ServedKind[] = []
  for (const groupVersion of (await ask('api-versions')).trim().split('\n')) {
    const path = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`
    const { resources } = JSON.parse(await ask('get', '--raw', path)) as { resources: { name: string; kind: string }[] }
    for (const { name, kind } of resources) if (!name.includes('/')) kinds.push({ groupVersion, name, kind })
  }
  return kinds
}

/** That an explanation is of this kind, describes it, and gives each of its fields a type. */
function checkExplanation(said: string, { groupVersion, name, kind }: ServedKind): void {
  const what = `${groupVersion} ${name}`
  const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : [undefined, groupVersion]
  const head = [...(group === undefined ? [] : [`GROUP: +${group}`]), `KIND: +${kind}`, `VERSION: +${version}`].join(
    '\\n',
  )
  assert.match(said, new RegExp(`^${head}\\n\\nDESCRIPTION:\\n    \\S`), what)
  const fields = /\nFIELDS:\n([^]*)$/.exec(said)?.[1] ?? assert.fail(`${what} has no fields`)
  assert.match(fields, /^ {2}apiVersion\t<string>\n(?:.*\n)*? {2}kind\t<string>$/m, what)
  for (const line of fields.split('\n').filter((text) => text !== '')) {
    assert.match(line, /^ {2,}(?:\S+\t<[^<>]+>(?: -required-)?|enum: .+)$/, what)
  }
}
