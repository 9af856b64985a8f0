import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { estimateCost } from './cost.ts'
import { Environment } from './environment.ts'
import { extensionLibraries } from './functions/index.ts'
import { compile, evaluate, type Outcome } from './program.ts'
import { formatIssues } from './source.ts'
import { dynType, intType, listType, mapType, stringType } from './types.ts'
import {
  Double,
  Duration,
  List,
  ListValue,
  MapOfEntries,
  MapValue,
  Optional,
  Timestamp,
  Uint,
  type Value,
} from './values.ts'

const environment = new Environment({
  libraries: extensionLibraries,
  homogeneous: true,
  checkLiterals: true,
  variables: {
    self: mapType(stringType, dynType),
    text: stringType,
    number: intType,
    items: listType(intType),
    words: listType(stringType),
    anything: dynType,
  },
})

function mapOf(entries: Readonly<Record<string, Value>>): MapValue {
  const map = new MapOfEntries()
  for (const [key, value] of Object.entries(entries)) map.add(key, value)
  return map
}

const variables = {
  self: mapOf({ replicas: 3, name: 'héllo', __proto__: 'data', toString: 'mine' }),
  text: 'a😀b',
  number: 5,
  items: new List([1, 2, 3]),
  words: new List(['b', 'a']),
  anything: 'dynamic',
}

function run(text: string, limit?: number): Outcome {
  const compiled = compile(environment, text)
  if ('issues' in compiled) throw new Error(formatIssues(text, compiled.issues))
  return evaluate(compiled, variables, limit)
}

function plain(value: Value): unknown {
  if (value instanceof ListValue) return [...value].map(plain)
  if (value instanceof MapValue)
    return Object.fromEntries(value.keys().map((key) => [String(key), plain(value.get(key)!)]))
  if (value instanceof Double) return { double: value.value }
  if (value instanceof Uint) return { uint: value.value }
  if (value instanceof Optional) return value.value === undefined ? 'none' : { some: plain(value.value) }
  if (value instanceof Duration) return { nanos: value.nanos }
  if (value instanceof Timestamp) return { seconds: value.seconds, nanos: value.nanos }
  return value
}

describe('values', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['9223372036854775807 - 1', 9223372036854775806n],
    ['9007199254740991 + 2 - 3', 9007199254740990],
    ['-9223372036854775808', -9223372036854775808n],
    ['9007199254740993 == 9007199254740992', false],
    ['[9007199254740993, 9007199254740992].distinct().size()', 2],
    ['0 * -1', 0],
    ['7 / -2', -3],
    ['-7 % 3', -1],
    ['dyn(1) == 1.0 && dyn(1u) == 1', true],
    ['1.0 in [1, 2].map(x, double(x))', true],
    ['{1: "a"}[1]', 'a'],
    ['text.size()', 3],
    ['text.substring(1, 2)', '😀'],
    ['text.indexOf("b")', 2],
    ['text.charAt(2)', 'b'],
    ['self.name.startsWith("h\\u00e9")', true],
    ['has(self.replicas) && !has(self.constructor) && !has(self.valueOf)', true],
    ['self.toString', 'mine'],
    ['self.?replicas.optMap(r, r + 1).orValue(0)', 4],
    ['self.?missing.orValue("none")', 'none'],
    ['[1, ?optional.none(), ?optional.of(2)]', [1, 2]],
    ['{?"a": optional.of(1), ?"b": optional.none()}', { a: 1 }],
    ['items[?7]', 'none'],
    ['items.map(x, x > 1, x * 10)', [20, 30]],
    ['items.transformMap(i, v, v * v)', { 0: 1, 1: 4, 2: 9 }],
    ['words.sortBy(w, w)', ['a', 'b']],
    ['cel.bind(x, number * 2, x + x)', 20],
    ['timestamp("2024-02-29T23:59:59.5Z") + duration("1s")', { seconds: 1709251200, nanos: 500_000_000 }],
    ['timestamp("2024-07-01T00:30:00Z").getHours("America/New_York")', 20],
    ['timestamp("2024-07-01T00:30:00Z").getDate("-02:00")', 30],
    ['string(duration("1h30m"))', '5400s'],
    ['string(1000000.0)', '1e+06'],
    ['"%s %d %.2f %x".format(["a", dyn(3), 1.5, 255])', 'a 3 1.50 ff'],
    ['type(1) == int && type([]) == list', true],
    ['anything == 3', false],
  ]
  for (const [text, wanted] of rows) {
    test(text, () => {
      const outcome = run(text)
      assert.deepEqual('value' in outcome ? plain(outcome.value) : outcome, wanted)
    })
  }
})

describe('errors of evaluations', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['self.missing', 'no such key: missing'],
    ['self["missing"]', 'no such key: missing'],
    ['items[7]', 'index out of bounds: 7'],
    ['number / 0', 'division by zero'],
    ['number % 0', 'modulus by zero'],
    ['9223372036854775807 + 1', 'integer overflow'],
    ['-(-9223372036854775807 - 1)', 'integer overflow'],
    ['0u - 1u', 'unsigned integer overflow'],
    ['anything + 1', 'no such overload: _+_(string, int)'],
    ['int("abc")', "type conversion error from 'string' to 'int'"],
    ['optional.none().value()', 'optional.none() dereference'],
    ['text.matches(text + "(")', 'error parsing regexp: missing closing ): `a😀b(`'],
    ['timestamp("9999-12-31T23:59:59Z") + duration("1s")', 'timestamp overflow'],
  ]
  for (const [text, wanted] of rows) {
    test(text, () => {
      const outcome = run(text)
      assert.equal('error' in outcome ? outcome.error : plain(outcome.value), wanted)
    })
  }

  const absorbed: readonly (readonly [string, unknown])[] = [
    ['number / 0 > 1 || true', true],
    ['true || number / 0 > 1', true],
    ['number / 0 > 1 && false', false],
    ['number / 0 > 1 || false', 'division by zero'],
    ['[0, 1].exists(x, 1 / x == 1)', true],
    ['[0, 2].all(x, 1 / x == 1)', false],
    ['[0, 1].all(x, 1 / x == 1)', 'division by zero'],
    ['self.missing == 1 || has(self.name)', true],
  ]
  for (const [text, wanted] of absorbed) {
    test(`absorbed: ${text}`, () => {
      const outcome = run(text)
      assert.equal('error' in outcome ? outcome.error : outcome.value, wanted)
    })
  }
})

describe('what does not compile', () => {
  const rows: readonly (readonly [string, string])[] = [
    [
      'self.a + foo',
      "ERROR: <input>:1:10: undeclared reference to 'foo' (in container '')\n | self.a + foo\n | .........^",
    ],
    [
      'number + "a"',
      "ERROR: <input>:1:8: found no matching overload for '_+_' applied to '(int, string)'\n | number + \"a\"\n | .......^",
    ],
    [
      'number.size()',
      "ERROR: <input>:1:12: found no matching overload for 'size' applied to 'int.()'\n | number.size()\n | ...........^",
    ],
    ['[1, "a"]', "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, \"a\"]\n | ....^"],
    ['number.foo', "ERROR: <input>:1:7: type 'int' does not support field selection\n | number.foo\n | ......^"],
    [
      '1 +',
      "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 +\n | ...^",
    ],
    [
      'duration("1x") > duration("1s")',
      'ERROR: <input>:1:10: invalid duration argument\n | duration("1x") > duration("1s")\n | .........^',
    ],
    ['text.matches("(")', 'ERROR: <input>:1:14: invalid matches argument\n | text.matches("(")\n | .............^'],
    ['9223372036854775808', 'ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^'],
  ]
  for (const [text, wanted] of rows) {
    test(text, () => {
      const compiled = compile(environment, text)
      assert.equal('issues' in compiled ? formatIssues(text, compiled.issues) : 'compiled', wanted)
    })
  }

  const hostile: readonly (readonly [string, string, RegExp])[] = [
    ['deep lists', '['.repeat(50_000), /recursion limit exceeded: 250/],
    ['deep parentheses', `${'('.repeat(49_000)}1${')'.repeat(49_000)}`, /recursion limit exceeded: 250/],
    ['long sums', `1${'+1'.repeat(40_000)}`, /recursion limit exceeded: 250/],
    ['long paths', `self${'.a'.repeat(40_000)}`, /recursion limit exceeded: 250/],
    ['long signs', `${'-'.repeat(99_000)}a`, /undeclared reference to 'a'/],
    ['too long', ' '.repeat(100_001), /code point size exceeds limit: size: 100001, limit 100000/],
    ['copies of copies', `optional.of(1)${'.optMap(x, x)'.repeat(40)}`, /limit exceeded/],
    ['many mistakes', `[${'a,'.repeat(30_000)}]`, /29900 more errors were truncated/],
    ['many comparisons', `${'number == 1 && '.repeat(6_000)}a`, /undeclared reference to 'a'/],
    ['open quotes', '"""\\'.repeat(20_000), /token recognition error/],
  ]
  for (const [name, text, wanted] of hostile) {
    test(`hostile: ${name}`, () => {
      const compiled = compile(environment, text)
      assert.match('issues' in compiled ? formatIssues(text, compiled.issues) : 'compiled', wanted)
    })
  }

  test('long chains of logical operators are fine', () => {
    const outcome = run(`true${' && true'.repeat(5_000)}`)
    assert.deepEqual(outcome, { value: true, cost: 0 })
  })
})

describe('costs', () => {
  // The first is counted, the second and third are the bounds known before, with no size of anything known.
  const rows: readonly (readonly [string, number, number, number])[] = [
    ['number > 3', 2, 2, 2],
    ['self.replicas == 3', 3, 3, 3],
    ['number > 9 && number < 3', 2, 2, 4],
    ['has(self.name)', 1, 1, 1],
    ['[1, 2, 3].all(x, x > 0)', 3 * 5 + 11, 20, 26],
    ['[1, 2].map(x, x + 1)', 2 * 14 + 21, 49, 49],
    ['"abc".startsWith("ab")', 1, 1, 1],
    ['"0123456789abc" == "0123456789abd"', 2, 1, 2],
    ['"0123456789" == "0123456789abd"', 1, 1, 1],
    ['"0123456789a" != "0123456789abd"', 2, 1, 2],
    ['"" == "0123456789abd"', 0, 0, 0],
    ['"😀😀😀😀😀😀" == "😀😀😀😀😀😀😀😀😀😀😀"', 1, 1, 1],
    ['"😀😀😀😀😀😀😀😀😀😀😀" == "😀😀😀😀😀😀😀😀😀😀😀"', 2, 1, 2],
    ['"".startsWith("a")', 0, 1, 1],
    ['"0123456789abc".startsWith("0123456789a")', 2, 2, 2],
    ['!("a" != "b")', 2, 2, 2],
    ['"abc".matches("a.c")', 1, 1, 1],
    ['number in [1, 2, 5]', 14, 14, 14],
    ['{"a": 1}.a', 32, 31, 31],
  ]
  for (const [text, wanted, min, max] of rows) {
    test(text, () => {
      assert.equal(run(text).cost, wanted)
      const compiled = compile(environment, text)
      assert.ok(!('issues' in compiled))
      assert.deepEqual(
        estimateCost(compiled.checked, () => undefined),
        { min, max },
      )
    })
  }

  test('sizes that are known bound what a fold may cost', () => {
    const compiled = compile(environment, 'words.all(w, w.contains("x"))')
    assert.ok(!('issues' in compiled))
    const sizes: Readonly<Record<string, number>> = { words: 100, 'words.@items': 1_000 }
    const range = estimateCost(compiled.checked, (path) => {
      const max = sizes[path.join('.')]
      return max === undefined ? undefined : { min: 0, max }
    })
    assert.equal(range.max, 1 + 1 + 100 * (2 + 1 + 1 + 100))
  })

  test('an expression ends when it has cost enough', () => {
    const numbers = 'lists.range(1000)'
    const text = `${numbers}.all(a, ${numbers}.all(b, ${numbers}.all(c, a + b + c >= 0)))`
    const outcome = run(text, 1_000_000)
    assert.ok('error' in outcome && outcome.cancelled)
    assert.equal(outcome.error, 'operation cancelled: actual cost limit exceeded')
  })

  test('regular expressions that would run away do not', () => {
    assert.deepEqual(run(`"${'a'.repeat(5_000)}!".matches("^(a+)+$")`), { value: false, cost: 1002 })
    const large = run(`"${'a'.repeat(5_000)}".matches("x{1,900}|y{1,900}|(ay?){900}z")`)
    assert.ok(large.cost > 10_000 || 'error' in large)
  })
})
