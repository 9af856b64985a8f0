import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isKnownHash, isSlowHash, verifyPassword } from './htpasswd.ts'

describe('a password is checked against its hash', () => {
  const long = 'a-rather-long-password-of-more-than-sixty-four-characters-which-needs-two-blocks'
  // Made with `openssl passwd`, crypt(3) and `openssl sha1`.
  const table: readonly (readonly [password: string, hash: string])[] = [
    ['correct horse', '$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/'],
    ['correct horse', '$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80'],
    ['correct horse', '$5$abcdefgh$ruMep1ijHnJPZbETDNiumskxcX3kN4lzZd5VlsqE7eB'],
    [
      'correct horse',
      '$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG.',
    ],
    [long, '$5$x$VlvcjOFUKzWJ9fVuPyiQLq4TdAdecaXx7Le.RtJO672'],
    [long, '$apr1$r31$lZmorqGS7Yh5Aq3qCtBhR1'],
    ['ü', '$6$s$tUphjFxdNsGkZSfKZ9ucXXj/MH...eNU5GWbhAj2zb83pTT5yJuuR2V8CctKchl4r5sfSJey5rtj.mlNoVgLH.'],
    ['Hello world!', '$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA'],
    [
      'Hello world!',
      '$6$rounds=1400$anotherlongsalts$5FGyu8c4BZDX4wJgs0Un26YOw2XibT5eTkHF1I1aP3QqStoJI9BHD2YPJYsAjEePVGUyBjdZxcNqMWlrrbIOC.',
    ],
    ['password', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
    ['password', '{SSHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0'],
    ['plain:text', '{PLAIN}plain:text'],
  ]
  for (const [password, hash] of table) {
    test(`${hash.slice(0, 20)}… for ${password.slice(0, 13)}`, () => {
      assert.ok(isKnownHash(hash))
      assert.ok(verifyPassword(password, hash))
      assert.ok(!verifyPassword(`${password}x`, hash))
      assert.ok(!verifyPassword('', hash))
    })
  }
  test('a hash that takes too long is not known', () => {
    assert.ok(isKnownHash('$6$rounds=50000$x$y') && !isKnownHash('$6$rounds=50001$x$y'))
  })
  test('hashes of bcrypt are known up to a cost', () => {
    const rest = 'abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2'
    const known = (start: string): boolean => isKnownHash(`${start}$${rest}`) && isSlowHash(`${start}$${rest}`)
    assert.deepEqual(['$2a$04', '$2b$12', '$2y$05', '$2b$13', '$2b$03', '$2x$05', '$2b$5'].map(known), [
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ])
  })
  test('an empty password has a hash like any other', () => {
    assert.ok(verifyPassword('', '$5$abc$bBHLwRRW2Li0XKaX13kz/g2fkDil4Jx46aNvd.48MS8'))
  })
  for (const hash of [
    '',
    'plain',
    '$2y$05$abcdefghijklmnopqrstuu',
    '$6$',
    '$apr1$',
    '$5$rounds=999999999$x$y',
    '{SHA}',
    '{SSHA}',
  ]) {
    test(`nothing has the hash "${hash}"`, () => assert.ok(!verifyPassword('', hash) && !verifyPassword(hash, hash)))
  }
})
