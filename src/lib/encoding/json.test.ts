import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeJson } from './json.ts'

describe('reading JSON', () => {
  const problems: readonly (readonly [string, string])[] = [
    ['', 'unexpected end of JSON input'],
    ['{"a":', 'unexpected end of JSON input'],
    ['{"a', 'unexpected end of JSON input'],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', `invalid character '"' after object key:value pair`],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['tru', 'unexpected end of JSON input'],
    ['trux', "invalid character 'x' in literal true (expecting 'e')"],
    ['"\\q"', "invalid character 'q' in string escape code"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['-', 'unexpected end of JSON input'],
    ['-a', "invalid character 'a' in numeric literal"],
    ['1.x', "invalid character 'x' after decimal point in numeric literal"],
    ['1ex', "invalid character 'x' in exponent of numeric literal"],
    ['\ufeff{}', "invalid character 'ï' looking for beginning of value"],
    ['[9007199254740993]', 'number 9007199254740993 cannot be kept exactly: whole numbers go to 9007199254740991'],
    [`${'['.repeat(600)}${']'.repeat(600)}`, 'exceeded max depth of 512'],
    ['['.repeat(100_000), 'exceeded max depth of 512'],
  ]
  for (const [text, problem] of problems) {
    it(`says what is wrong with ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.deepEqual(decodeJson(text), { problem })
      assert.deepEqual(decodeJson(new TextEncoder().encode(text)), { problem })
    })
  }

  it('refuses broken UTF-8 and texts beyond the limit before reading', () => {
    assert.deepEqual(decodeJson(Uint8Array.of(0x22, 0xff, 0x22)), { problem: 'invalid UTF-8 in JSON text' })
    assert.deepEqual(decodeJson('[1,2]', { maxBytes: 4 }), {
      problem: 'limit is 4 bytes, and the text has 5',
      tooLarge: true,
    })
    assert.deepEqual(decodeJson('[[1]]', { maxDepth: 1 }), { problem: 'exceeded max depth of 1' })
  })

  it('keeps long numbers that are exact, and digits in texts', () => {
    const text = '{"a":9007199254740992,"b":"12345678901234567890","c":0.12345678901234567890,"d":1e20}'
    const decoded = decodeJson(text)
    assert.deepEqual('value' in decoded && decoded.value, {
      a: 2 ** 53,
      b: '12345678901234567890',
      c: 0.12345678901234568,
      d: 1e20,
    })
  })

  const duplicates: readonly (readonly [string, readonly unknown[]])[] = [
    ['{"a":1,"b":{"c":1}}', []],
    ['{"a":1,"b":2,"a":3}', [['a']]],
    [
      '{"spec":{"c":[{"n":1},{"n":1,"n":2}],"c":1}}',
      [
        ['spec', 'c', 1, 'n'],
        ['spec', 'c'],
      ],
    ],
    ['{"a\\u0062":1,"ab":2}', [['ab']]],
    ['{"a":":","b":"{:"}', []],
  ]
  for (const [text, expected] of duplicates) {
    it(`finds the keys that stand twice in ${text}`, () => {
      const decoded = decodeJson(new TextEncoder().encode(text))
      assert.deepEqual('duplicates' in decoded && decoded.duplicates(), expected)
    })
  }

  it('keeps __proto__ as data', () => {
    const decoded = decodeJson('{"__proto__":{"x":1}}')
    assert.deepEqual('value' in decoded && Object.keys(decoded.value as object), ['__proto__'])
  })
})
