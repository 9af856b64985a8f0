/**
 * Conformance tests of Kubernetes, shown by tests of ours: each says by name which one it shows, does what that one asks
 * of the API and nothing of a pod's inside, in one process. `tools/conformance.ts` writes which are shown and which are not
 * into docs/conformance.md.
 */
import { test } from 'node:test'
import list from './list.json' with { type: 'json' }
import { missing } from './missing.ts'

const known = new Set(list.map(({ name }) => name))

/** A test that waits for longer waits for what will never come, on a slow machine too. */
const longestMilliseconds = 120_000

/** A test that shows the conformance test of this name, written as in `list.json`. */
export function conformance(name: string, run: () => Promise<void>): void {
  if (!known.has(name)) throw new Error(`No conformance test of test/conformance/list.json is called "${name}"`)
  if (missing[name] !== undefined) throw new Error(`"${name}" is said to be missing: test/conformance/missing.ts`)
  test(name, { timeout: longestMilliseconds }, run)
}
