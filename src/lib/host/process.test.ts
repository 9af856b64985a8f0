import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { fakeProcesses, parseProcessStat, runChecked, silentIfNotFound, systemProcesses } from './process.ts'

describe('parseProcessStat', () => {
  const rest = '1 2 2 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 777 1 2'
  const cases: [string, string, ReturnType<typeof parseProcessStat>][] = [
    ['plain', `12 (sh) S ${rest}`, { state: 'S', parent: 1, startTicks: 777 }],
    ['a name with blanks and parentheses', `12 (a) Z (b) Z ${rest}`, { state: 'Z', parent: 1, startTicks: 777 }],
    ['cut short', '12 (sh) S 1 2', undefined],
    ['no sense', 'nothing', undefined],
  ]
  for (const [name, text, expected] of cases) it(name, () => assert.deepEqual(parseProcessStat(text), expected))
})

describe('systemProcesses', () => {
  const processes = systemProcesses()

  it('returns output and exit code', async () => {
    const result = await processes.run(['sh', '-c', 'cat; echo oops >&2; exit 3'], { input: 'in' })
    assert.deepEqual(result, { code: 3, stdout: 'in', stderr: 'oops\n' })
  })

  it('writes pieces one after the other, as there is room', async () => {
    const pieces = Array.from({ length: 200 }, (_, index) => String(index % 10).repeat(10_000))
    const { stdout } = await processes.run(['cat'], { input: pieces })
    assert.equal(stdout, pieces.join(''))
    assert.equal((await processes.run(['true'], { input: pieces })).code, 0)
  })

  it('ends a command whose input cannot be made before it sees an end', async () => {
    function* broken() {
      yield 'a'
      throw new Error('no more')
    }
    let seen = ''
    const onOutput = (text: string): void => void (seen += text)
    await assert.rejects(processes.run(['sh', '-c', 'cat; echo whole'], { input: broken(), onOutput }), /no more/)
    assert.ok(!seen.includes('whole'))
  })

  it('reports a signal as 128 plus its number', async () => {
    assert.equal((await processes.run(['sh', '-c', 'kill -9 $$'])).code, 137)
  })

  it('names a program that is not there', async () => {
    await assert.rejects(processes.run(['no-such-program', 'x']), {
      message: 'Cannot run "no-such-program x": program not found',
    })
  })

  it('takes a program that is not there for one that has nothing to say, where asked to', async () => {
    const nothing = await silentIfNotFound(processes.run(['no-such-program', 'x']))
    assert.deepEqual(nothing, { code: 0, stdout: '', stderr: '' })
    assert.equal((await silentIfNotFound(processes.run(['sh', '-c', 'exit 3']))).code, 3)
    await assert.rejects(silentIfNotFound(processes.run(['sleep', '60'], { timeoutMs: 30 })), /no end after 30 ms/)
  })

  it('ends what runs too long, with what it started', async () => {
    await assert.rejects(processes.run(['sh', '-c', 'sleep 60 & sleep 60'], { timeoutMs: 30 }), /no end after 30 ms/)
  })

  it('ends what says too much', async () => {
    await assert.rejects(processes.run(['yes'], { maxOutputBytes: 1000 }), /more than 1000 bytes of output/)
  })

  it('ends on abort with the reason of the signal', async () => {
    const abort = new AbortController()
    const running = processes.run(['sleep', '60'], {}, abort.signal)
    abort.abort(new Error('enough'))
    await assert.rejects(running, /enough/)
  })

  it('explains a failure of a checked command by its last words', async () => {
    await assert.rejects(runChecked(processes, ['sh', '-c', 'echo no luck >&2; exit 2']), {
      message: 'Cannot run "sh -c echo no luck >&2; exit 2": no luck',
    })
  })

  it('starts a child, knows it, and knows when it is dead', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'process-test-'))
    const child = await processes.start(['sh', '-c', 'echo started; exec sleep 60'], { logFile: join(folder, 'log') })
    assert.equal(processes.isAlive(child), true)
    assert.equal(processes.isAlive({ pid: child.pid, startTicks: child.startTicks + 1 }), false)
    assert.equal(
      processes.list().some((other) => other.pid === child.pid && other.mountNamespace !== undefined),
      true,
    )
    assert.equal(processes.kill(child.pid, 'SIGKILL'), true)
    assert.equal(await child.exited, 137)
    assert.equal(processes.isAlive(child), false)
    assert.match(readFileSync(join(folder, 'log'), 'utf8'), /^(started\n)?$/)
    rmSync(folder, { recursive: true })
  })
})

describe('fakeProcesses', () => {
  it('plays commands and keeps children until they are killed', async () => {
    const processes = fakeProcesses((argv) => (argv[0] === 'fail' ? { code: 1, stderr: 'no' } : undefined))
    await assert.rejects(runChecked(processes, ['fail']), /no/)
    const child = await processes.start(['serve'])
    assert.equal(processes.isAlive(child), true)
    processes.kill(child.pid, 'SIGTERM')
    assert.equal(await child.exited, 143)
    assert.equal(processes.isAlive(child), false)
    assert.deepEqual(
      processes.commands.map((command) => command.argv),
      [['fail'], ['serve']],
    )
  })
})
