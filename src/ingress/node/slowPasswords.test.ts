import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlowPasswords } from './slowPasswords.ts'

const hash = '$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2'

test('passwords are checked beside what else this thread does', async () => {
  using passwords = new SlowPasswords()
  assert.deepEqual(
    await Promise.all(['correct horse', 'wrong', '', 'x'.repeat(5_000)].map((each) => passwords.check(each, hash))),
    [true, false, false, false],
  )
  // As other programs mark the same algorithm.
  for (const kind of ['2a', '2y']) assert.equal(await passwords.check('correct horse', hash.replace('2b', kind)), true)
})

test('more than can wait are told so at once, and those who wait are answered', async () => {
  using passwords = new SlowPasswords()
  const answers = await Promise.all(Array.from({ length: 80 }, () => passwords.check('correct horse', hash)))
  assert.deepEqual([answers.indexOf(undefined), answers.filter((each) => each === true).length], [64, 64])
  assert.equal(await passwords.check('correct horse', hash), true)
})

test('who waits for a thread that ends is told that nobody knows', async () => {
  const passwords = new SlowPasswords()
  const answer = passwords.check('correct horse', hash)
  passwords[Symbol.dispose]()
  assert.equal(await answer, undefined)
})
