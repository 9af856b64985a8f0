import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { NftSession } from './nftSession.ts'

/** Complains about what it does not know as nft does, a piece at a time. */
const pretended = `
  while IFS= read -r line; do
    case "$line" in
      add*) echo added ;;
      warn*) printf 'Warning: old words\\n%s\\n^^^^\\n' "$line" >&2 ;;
      hang*) sleep 60 ;;
      end*) echo 'no more' >&2; exit 3 ;;
      home) echo "$HOME" >&2 ;;
      *) printf 'Error: syntax error, unexpected string\\n' >&2; printf '%s\\n' "$line" >&2; printf '^^^^^^^^\\n' >&2 ;;
    esac
  done
`
const start = (): NftSession => new NftSession(['sh', '-c', pretended])

describe('NftSession', () => {
  it('takes line after line, in order, and tells nothing where there was nothing to complain about', async () => {
    await using session = start()
    assert.deepEqual(await Promise.all(['add a', 'bad "x" \\n *', 'add b'].map((line) => session.ask(line, 10_000))), [
      '',
      'Error: syntax error, unexpected string\nbad "x" \\n *\n^^^^^^^^',
      '',
    ])
  })
  it('tells warnings, and goes on', async () => {
    await using session = start()
    assert.equal(await session.ask('warn', 10_000), 'Warning: old words\nwarn\n^^^^')
    assert.equal(await session.ask('add', 10_000), '')
  })
  it('leaves no history anywhere', async () => {
    await using session = start()
    assert.equal(await session.ask('home', 10_000), '/dev/null')
  })
  it('ends with what takes too long, and says that it has ended', async () => {
    await using session = start()
    await assert.rejects(session.ask('hang', 30), /no answer after 30 ms/)
    assert.equal(session.isOver, true)
    await assert.rejects(session.ask('add', 10_000), /it ended/)
  })
  it('ends on abort with the reason of the signal', async () => {
    await using session = start()
    const abort = new AbortController()
    const asked = session.ask('hang', 10_000, abort.signal)
    setImmediate(() => abort.abort(new Error('enough')))
    await assert.rejects(asked, /enough/)
  })
  it('tells why nft ended, and that it cannot be started', async () => {
    await using session = start()
    await assert.rejects(session.ask('end', 10_000), /no more/)
    await using none = new NftSession(['/no/such/program'])
    await assert.rejects(none.ask('add', 10_000), /no\/such\/program/)
  })
  it('takes one line at a time', async () => {
    await using session = start()
    assert.throws(() => session.ask('a\nb', 10_000), /more than one line/)
  })
  it('is over after much input, which nft remembers', async () => {
    await using session = start()
    const line = `add ${'a'.repeat(1024 * 1024)}`
    for (let turn = 0; turn < 2; turn++) {
      assert.equal(session.isOver, false)
      await session.ask(line, 10_000)
    }
    assert.equal(session.isOver, true)
  })
})
