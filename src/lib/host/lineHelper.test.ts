import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { LineHelper } from './lineHelper.ts'

describe('LineHelper', () => {
  it('runs the program with each line, in order, and tells what it said and how it ended', async () => {
    await using helper = new LineHelper([], '/bin/echo')
    const answers = await Promise.all(['a b', '$HOME "x" \\n *', ''].map((line) => helper.ask(line, 10_000)))
    assert.deepEqual(answers, [
      { code: 0, text: 'a b\n' },
      { code: 0, text: '$HOME "x" \\n *\n' },
      { code: 0, text: '\n' },
    ])
  })
  it('tells a failure with its reason, and goes on', async () => {
    await using helper = new LineHelper([], 'ls')
    const { code, text } = await helper.ask('/no/such/file', 10_000)
    assert.equal(code, 2)
    assert.match(text, /No such file/)
    assert.equal((await helper.ask('/', 10_000)).code, 0)
  })
  it('begins with a prefix', async () => {
    await using helper = new LineHelper(['env', 'A=b'], 'printenv')
    assert.deepEqual(await helper.ask('A', 10_000), { code: 0, text: 'b\n' })
  })
  it('ends with what runs too long, and says that it has ended', async () => {
    await using helper = new LineHelper([], 'sleep')
    await assert.rejects(helper.ask('60', 30), /no answer after 30 ms/)
    assert.equal(helper.isOver, true)
    await assert.rejects(helper.ask('0', 10_000), /it ended/)
  })
  it('ends on abort with the reason of the signal', async () => {
    await using helper = new LineHelper([], 'sleep')
    const abort = new AbortController()
    const asked = helper.ask('60', 10_000, abort.signal)
    setImmediate(() => abort.abort(new Error('enough')))
    await assert.rejects(asked, /enough/)
  })
  it('says that the program cannot be started', async () => {
    await using helper = new LineHelper(['/no/such/program'], 'x')
    await assert.rejects(helper.ask('x', 10_000), /no\/such\/program/)
  })
  it('takes one line at a time', async () => {
    await using helper = new LineHelper([], 'echo')
    assert.throws(() => helper.ask('a\nb', 10_000), /more than one line/)
  })
})
