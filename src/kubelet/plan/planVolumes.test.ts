import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VolumeMount } from '#api/core/v1/container.ts'
import { isRecursivelyReadOnly, knowsRecursiveReadOnly } from './planVolumes.ts'

const refused = 'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is'

const rows: readonly [string, Partial<VolumeMount>, boolean, boolean | string][] = [
  ['nothing asked', { readOnly: true }, true, false],
  ['asked not to be', { readOnly: true, recursiveReadOnly: 'Disabled' }, true, false],
  ['if possible, and it is', { readOnly: true, recursiveReadOnly: 'IfPossible' }, true, true],
  ['if possible, and it is not', { readOnly: true, recursiveReadOnly: 'IfPossible' }, false, false],
  ['in any case, and it can be', { readOnly: true, recursiveReadOnly: 'Enabled' }, true, true],
  [
    'in any case, and it cannot be',
    { readOnly: true, recursiveReadOnly: 'Enabled' },
    false,
    `${refused} not supported by the runtime`,
  ],
  ['of what can be written', { recursiveReadOnly: 'Enabled' }, true, `${refused} not read-only`],
  [
    'of what follows the node',
    { readOnly: true, recursiveReadOnly: 'Enabled', mountPropagation: 'HostToContainer' },
    true,
    `${refused} not compatible with propagation "HostToContainer"`,
  ],
]
for (const [name, mount, isKnown, expected] of rows) {
  test(`recursively read-only: ${name}`, () => {
    const resolve = (): boolean => isRecursivelyReadOnly({ name: 'v', mountPath: '/v', ...mount }, isKnown)
    if (typeof expected === 'string') assert.throws(resolve, { message: expected })
    else assert.equal(resolve(), expected)
  })
}

test('the default handler of the runtime says whether it knows recursively read-only mounts', () => {
  const nodeWith = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n' },
    spec: {},
    status: { runtimeHandlers: [{ name, features: { recursiveReadOnlyMounts: true } }] },
  })
  assert.deepEqual([nodeWith(''), nodeWith('other'), undefined].map(knowsRecursiveReadOnly), [true, false, false])
})
