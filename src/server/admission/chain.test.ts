import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  admissionChain,
  admit,
  admitWhole,
  validateAdmission,
  type AdmissionMeter,
  type AdmissionPlugin,
  type AdmissionRequest,
} from './chain.ts'
import { invocationsOf, wantSecondRound } from './reinvocation.ts'
import { clusterWith } from './testRequest.ts'

const request = (): AdmissionRequest => ({ operation: 'CREATE', subresource: '' }) as unknown as AdmissionRequest

/** A chain of plugins that note when they are asked, and what the meter is told. */
function noting(answers: Readonly<Record<string, 'at once' | 'later' | 'refuses' | 'refuses later' | 'asks again'>>) {
  const notes: string[] = []
  const plugins = Object.entries(answers).map(([name, answer]): AdmissionPlugin => {
    const act = (step: string, asked: AdmissionRequest): void | Promise<void> => {
      notes.push(`${step} ${name}`)
      if (answer === 'refuses') throw new Error(name)
      if (answer === 'refuses later') return Promise.reject(new Error(name))
      if (answer === 'asks again' && step === 'admit') {
        invocationsOf(asked, name)
        wantSecondRound(asked)
      }
      return answer === 'later' ? Promise.resolve() : undefined
    }
    return { name, admit: (asked) => act('admit', asked), validate: (asked) => act('validate', asked) }
  })
  const meter: AdmissionMeter = {
    passed: (_asked, operation, step) => notes.push(`${operation} passed ${step}`),
    waited: (_asked, { name }) => notes.push(`waited for ${name}`),
    refused: ({ name }) => notes.push(`refused by ${name}`),
  }
  return { chain: admissionChain(plugins, meter), notes }
}

test('nothing is waited for where all plugins answer at once', () => {
  const { chain, notes } = noting({ a: 'at once', b: 'at once' })
  assert.equal(admitWhole(chain, request(), clusterWith()), undefined)
  assert.deepEqual(notes, [
    'admit a',
    'admit b',
    'CREATE passed admit',
    'validate a',
    'validate b',
    'CREATE passed validate',
  ])
})

test('those behind a plugin that answers later are asked after its answer', async () => {
  const { chain, notes } = noting({ a: 'later', b: 'at once', c: 'later' })
  const pending = validateAdmission(chain, request(), clusterWith())
  assert.deepEqual(notes, ['validate a'])
  await pending
  assert.deepEqual(notes.slice(1), [
    'waited for a',
    'validate b',
    'validate c',
    'waited for c',
    'CREATE passed validate',
  ])
})

for (const when of ['refuses', 'refuses later'] as const) {
  test(`a plugin that ${when} ends it, and is the one that is said to refuse`, async () => {
    const { chain, notes } = noting({ a: 'later', b: when, c: 'at once' })
    await assert.rejects(async () => admitWhole(chain, request(), clusterWith()), { message: 'b' })
    assert.deepEqual(notes, ['admit a', 'waited for a', 'admit b', 'refused by b'])
  })
}

test('all are asked once more where one wishes it, whether they answer at once or later', async () => {
  for (const other of ['at once', 'later'] as const) {
    const { chain, notes } = noting({ a: other, b: 'asks again' })
    await admit(chain, request(), clusterWith())
    assert.deepEqual(
      notes.filter((note) => note.startsWith('admit ')),
      ['admit a', 'admit b', 'admit a', 'admit b'],
      other,
    )
  }
})
