import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { claimsValue, compileClaims, evaluateClaims, readsField } from './claimsEnvironment.ts'

const compile = (text: string, about: 'claims' | 'user' = 'claims', decides = false) => {
  const result = compileClaims(text, about, decides)
  if ('problem' in result) throw new Error(result.problem)
  return result.program
}

describe('an expression about claims', () => {
  const claims = {
    sub: 'jane',
    exp: 1_700_000_100,
    nbf: 1_700_000_000,
    roles: ['a', 'b'],
    'kubernetes.io': { namespace: 'n', 'a-b': [{ c: 1.5 }] },
    email_verified: true,
    __proto__x: 'own',
    nothing: null,
  }
  const rows: readonly [string, unknown][] = [
    ['claims.sub + ":x"', 'jane:x'],
    ['claims.roles.filter(r, r != "a")', ['b']],
    ['claims.exp - claims.nbf <= 86400', true],
    ['claims.exp - claims.nbf == 100.0', true],
    ['claims.kubernetes__dot__io.__namespace__', 'n'],
    ['claims["kubernetes.io"].namespace', 'n'],
    ['claims.kubernetes__dot__io.a__dash__b[0].c == 1.5', true],
    ['claims.?gone.orValue("none")', 'none'],
    ['has(claims.gone) ? "yes" : "no"', 'no'],
    ['claims.nothing', null],
    ['dyn(claims).size()', 8],
  ]
  for (const [text, value] of rows) {
    test(text, () => assert.deepEqual(evaluateClaims(compile(text), 'claims', claimsValue(claims)), { value }))
  }

  test('fails where there is no such claim, or a number is taken for a whole one', () => {
    const failing = (text: string): unknown => evaluateClaims(compile(text), 'claims', claimsValue(claims))
    assert.deepEqual(failing('claims.gone'), { error: 'no such key: gone' })
    assert.deepEqual(failing('claims.exp + 1'), { error: 'no such overload: _+_(double, int)' })
  })

  test('that decides is known to give true or false', () => {
    assert.deepEqual(compileClaims('claims.email_verified', 'claims', true), { problem: 'must evaluate to bool' })
    assert.ok('program' in compileClaims('claims.email_verified == true', 'claims', true))
    assert.match((compileClaims('user.uid', 'claims', false) as { problem: string }).problem, /undeclared reference/)
  })

  test('reads the claims that it names', () => {
    for (const text of [
      'claims.email',
      'has(claims.email)',
      'claims.?email.orValue("")',
      '[claims.email + ""].size()',
    ]) {
      assert.equal(readsField(compile(text), 'claims', 'email'), true, text)
    }
    for (const text of ['claims.email_verified', 'claims.a.email', 'claims["email"]']) {
      assert.equal(readsField(compile(text), 'claims', 'email'), false, text)
    }
  })
})

test('an expression about a user knows what users have', () => {
  const user = { username: 'jane', uid: 'u', groups: ['a'], extra: { 'x.io/y': ['z'] } }
  const text = 'user.groups.all(g, !g.startsWith("system:")) && user.extra["x.io/y"] == ["z"] && user.uid != ""'
  assert.deepEqual(evaluateClaims(compile(text, 'user', true), 'user', claimsValue(user)), { value: true })
  assert.match((compileClaims('user.name', 'user', false) as { problem: string }).problem, /undefined field 'name'/)
})
