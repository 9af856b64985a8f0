import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { acknowledgeFrame, helloFrame, readFrame } from './spop.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s+/g, ''), 'hex')
const ascii = (text: string): string => Buffer.from(text).toString('hex')

describe('readFrame', () => {
  it('reads a hello', () =>
    assert.deepEqual(
      readFrame(
        bytes(`01 00000001 00 00
          0e ${ascii('max-frame-size')} 03 fcf006
          0b ${ascii('healthcheck')} 11`),
      ),
      { kind: 'hello', maxFrameSize: 16_380, isHealthCheck: true },
    ))

  it('reads a message with values of all kinds', () => {
    const frame = readFrame(
      bytes(`03 00000001 f001 02
        08 ${ascii('password')} 06
        01 61 08 03 ${ascii('abc')}
        01 62 01
        01 63 06 7f000001
        01 64 00
        01 65 07 20010db8000000000000000000000001
        01 66 09 02 00ff`),
    )
    assert.ok(frame.kind === 'notify')
    assert.deepEqual([frame.stream, frame.frame], [256, 2])
    assert.deepEqual(
      frame.messages.map(({ name, values }) => [name, [...values]]),
      [
        [
          'password',
          [
            ['a', 'abc'],
            ['b', false],
            ['c', '127.0.0.1'],
            ['d', null],
            ['e', '2001:db8:0:0:0:0:0:1'],
            ['f', bytes('00ff')],
          ],
        ],
      ],
    )
  })

  const broken: readonly (readonly [string, string, RegExp])[] = [
    ['a frame that is cut off', '03 00000001 00 00 08 61', /too early/],
    ['a part of a frame', '03 00000000 00 00', /in parts/],
    ['an unknown type', '63 00000001 00 00', /unknown type 99/],
    ['an unknown value', '01 00000001 00 00 01 61 0f', /unknown type 15/],
    ['a number without end', '01 00000001 ffffffffffffffffffffff 00', /too large/],
  ]
  for (const [name, hex, problem] of broken)
    it(`refuses ${name}`, () => assert.throws(() => readFrame(bytes(hex)), problem))
})

describe('frames of an agent', () => {
  it('say hello', () =>
    assert.deepEqual(
      helloFrame(240).toString('hex'),
      bytes(`0000003f 65 00000001 00 00
        07 ${ascii('version')} 08 03 ${ascii('2.0')}
        0e ${ascii('max-frame-size')} 03 f000
        0c ${ascii('capabilities')} 08 0a ${ascii('pipelining')}`).toString('hex'),
    ))

  it('set variables of the transaction', () =>
    assert.deepEqual(
      acknowledgeFrame(256, 2, { passed: true, location: 'x' }).toString('hex'),
      bytes(`00000022 67 00000001 f001 02
        01 03 02 06 ${ascii('passed')} 11
        01 03 02 08 ${ascii('location')} 08 01 78`).toString('hex'),
    ))
})
