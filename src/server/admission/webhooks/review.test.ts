import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Status } from '#api/meta/v1/status.ts'
import { denial, readAnswer, reviewVersion } from './review.ts'

const names = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }
const patch = Buffer.from('[]').toString('base64')
const invalid = 'received invalid webhook response: '

const rows: readonly {
  readonly name: string
  readonly body: unknown
  readonly mutating?: boolean
  readonly says: string | object
}[] = [
  {
    name: 'an allowance',
    body: { ...names, response: { uid: 'u', allowed: true, warnings: ['w', ''], auditAnnotations: { k: 'v' } } },
    says: { allowed: true, warnings: ['w'], auditAnnotations: { k: 'v' } },
  },
  {
    name: 'a patch',
    mutating: true,
    body: { ...names, response: { uid: 'u', allowed: true, patch, patchType: 'JSONPatch' } },
    says: { allowed: true, patch: '[]', warnings: [], auditAnnotations: {} },
  },
  { name: 'nothing', body: {}, says: `${invalid}webhook response was absent` },
  { name: 'no object', body: 'hello', says: `${invalid}webhook response was absent` },
  { name: 'no response', body: names, says: `${invalid}webhook response was absent` },
  {
    name: 'the uid of another call',
    body: { ...names, response: { uid: 'x', allowed: true } },
    says: `${invalid}expected response.uid="u", got "x"`,
  },
  {
    name: 'no kind',
    body: { response: { uid: 'u', allowed: true } },
    says: `${invalid}expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=`,
  },
  {
    name: 'a patch from one that only validates',
    body: { ...names, response: { uid: 'u', allowed: true, patch } },
    says: `${invalid}validating webhook may not return response.patch`,
  },
  {
    name: 'a patch type from one that only validates',
    body: { ...names, response: { uid: 'u', allowed: true, patchType: 'JSONPatch' } },
    says: `${invalid}validating webhook may not return response.patchType`,
  },
  {
    name: 'a patch without a type',
    mutating: true,
    body: { ...names, response: { uid: 'u', allowed: true, patch } },
    says: `${invalid}webhook returned response.patch but not response.patchType`,
  },
  {
    name: 'a type without a patch',
    mutating: true,
    body: { ...names, response: { uid: 'u', allowed: true, patchType: 'JSONPatch' } },
    says: `${invalid}webhook returned response.patchType but not response.patch`,
  },
  {
    name: 'a patch of another type',
    mutating: true,
    body: { ...names, response: { uid: 'u', allowed: true, patch, patchType: 'Merge' } },
    says: 'unsupported patch type "Merge"',
  },
  {
    name: 'values of wrong types',
    body: { ...names, response: { uid: 'u', allowed: 'yes' } },
    says: 'json: cannot unmarshal string into Go struct field AdmissionResponse.response.allowed of type bool',
  },
]

for (const { name, body, mutating = false, says } of rows) {
  test(`a webhook answers ${name}`, () => {
    const read = (): object => readAnswer(body, 'u', 'v1', mutating)
    if (typeof says === 'string') assert.throws(read, { message: says })
    else assert.deepEqual(read(), says)
  })
}

test('warnings of one answer are cut when they are too long together', () => {
  const warnings = ['a'.repeat(3_000), 'b'.repeat(3_000), 'c']
  const answer = readAnswer({ ...names, response: { uid: 'u', allowed: true, warnings } }, 'u', 'v1', false)
  assert.deepEqual(
    answer.warnings.map(({ length }) => length),
    [3_000, 1_096],
  )
})

const denials: readonly { readonly status: Status | undefined; readonly says: string; readonly code: number }[] = [
  { status: undefined, says: 'admission webhook "w" denied the request without explanation', code: 400 },
  { status: { message: 'no' } as Status, says: 'admission webhook "w" denied the request: no', code: 400 },
  {
    status: { reason: 'Forbidden', code: 403 } as Status,
    says: 'admission webhook "w" denied the request: Forbidden',
    code: 403,
  },
  {
    status: { message: 'fine', code: 200 } as Status,
    says: 'admission webhook "w" denied the request: fine',
    code: 400,
  },
  {
    status: { message: 'odd', code: 99_999 } as Status,
    says: 'admission webhook "w" denied the request: odd',
    code: 400,
  },
]

for (const { status, says, code } of denials) {
  test(`a denial with ${JSON.stringify(status)}`, () => {
    const error = denial('w', status)
    assert.deepEqual([error.message, error.code, error.status.status], [says, code, 'Failure'])
  })
}

test('the first version of a review that both know is spoken', () => {
  assert.equal(reviewVersion(['v2', 'v1beta1', 'v1']), 'v1beta1')
  assert.throws(() => reviewVersion(['v2']), /does not accept known AdmissionReview versions/)
})
