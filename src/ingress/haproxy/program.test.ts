import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { CommandError, fakeProcesses } from '#lib/host/process.ts'
import { findHaproxy } from './program.ts'

describe('the HAProxy of a machine', () => {
  const debian = 'HAProxy version 2.6.12-1+deb12u4 2026/10/01 - https://haproxy.org/\nStatus: long-term supported\n'
  const path = '/usr/local/bin/haproxy'
  const rows: readonly [string, string, string | CommandError, string | undefined][] = [
    ['is found in any of the usual folders', path, debian, path],
    ['may be newer', path, 'HAProxy version 3.2-dev4-1a2b3c 2026/01/01\n', path],
    ['is none where there is none', '/opt/haproxy', debian, undefined],
    ['is none when it is older than 2.6', path, 'HAProxy version 2.4.24-0ubuntu0.22.04.1 2026/10/31\n', undefined],
    ['is none when it is much older', path, 'HA-Proxy version 1.8.8-1 2018/04/19\n', undefined],
    ['is none when it does not say what it is', path, 'hello\n', undefined],
    ['is none when it does not run', path, new CommandError([path], 'it cannot be executed'), undefined],
  ]
  for (const [name, file, says, expected] of rows)
    test(name, async () => {
      const host = fakeHost(new SimulatedClock(), {
        files: fakeFiles({ [file]: '' }),
        processes: fakeProcesses(() => (typeof says === 'string' ? { stdout: says } : says)),
      })
      assert.equal(await findHaproxy(host), expected)
    })
})
