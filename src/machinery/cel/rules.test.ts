import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Schema } from '#machinery/schema/model.ts'
import { createReport, problemMessage } from '#machinery/validate/report.ts'
import { validateRules } from './evaluateRules.ts'
import { compileRules, ruleScope } from './rules.ts'

const text: Schema = { type: 'string' }
const integer: Schema = { type: 'integer' }

function specOf(spec: Schema): Schema {
  return { type: 'object', properties: { spec } }
}

const example: Schema = specOf({
  type: 'object',
  properties: {
    replicas: { type: 'integer', rules: [{ rule: 'self <= 10', message: 'too many' }] },
    minimum: integer,
    ratio: { type: 'number' },
    size: { type: 'string', rules: [{ rule: 'quantity(self).isLessThan(quantity("1Gi"))' }] },
    port: { format: 'int-or-string' },
    'x-y': text,
    namespace: text,
    since: { type: 'string', format: 'date-time' },
    labels: { type: 'object', additionalProperties: text, rules: [{ rule: 'self.all(k, k.startsWith("a"))' }] },
    hosts: { type: 'array', items: text, listType: 'set', rules: [{ rule: 'self == ["b", "a"]' }] },
    ports: {
      type: 'array',
      listType: 'map',
      listMapKeys: ['name'],
      items: {
        type: 'object',
        properties: {
          name: text,
          number: { type: 'integer', rules: [{ rule: 'self >= oldSelf', message: 'must grow' }] },
        },
      },
    },
  },
  rules: [
    {
      rule: 'self.replicas >= self.minimum',
      messageExpression: '"%d is below %d".format([self.replicas, self.minimum])',
      fieldPath: '.replicas',
      reason: 'FieldValueForbidden',
    },
    { rule: '!has(self.ratio) || self.ratio < 0.5' },
    { rule: 'type(self.port) == int ? self.port < 100 : self.port == "http"' },
    { rule: 'self.x__dash__y != self.__namespace__' },
    { rule: 'self.since > timestamp("2020-01-01T00:00:00Z")', optionalOldSelf: true },
  ],
})

const good = {
  spec: {
    replicas: 3,
    minimum: 1,
    ratio: 0.25,
    size: '1Mi',
    port: 'http',
    'x-y': 'a',
    namespace: 'b',
    since: '2024-01-01T00:00:00Z',
    labels: { a1: 'x' },
    hosts: ['a', 'b'],
    ports: [{ name: 'p', number: 1 }],
  },
}

function problemsOf(schema: Schema, value: unknown, old?: unknown): readonly string[] {
  const { report, problems } = createReport()
  validateRules(schema, value, old, report)
  return problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}

describe('rules of custom objects', () => {
  const rows: readonly (readonly [string, object, readonly string[]])[] = [
    ['nothing broken', {}, []],
    ['a scalar', { replicas: 11 }, ['spec.replicas: Invalid value: "integer": too many']],
    ['message, place and reason of a rule', { replicas: 0 }, ['spec.replicas: Forbidden: 0 is below 1']],
    ['a double', { ratio: 1 }, ['spec: Invalid value: "object": failed rule: !has(self.ratio) || self.ratio < 0.5']],
    [
      'an int of either type',
      { port: 101 },
      ['spec: Invalid value: "object": failed rule: type(self.port) == int ? self.port < 100 : self.port == "http"'],
    ],
    [
      'a type that nobody expected',
      { port: true },
      ['spec: Invalid value: "object": failed rule: type(self.port) == int ? self.port < 100 : self.port == "http"'],
    ],
    [
      'a key that is missing',
      { 'x-y': undefined },
      ['spec: Invalid value: "object": no such key: x__dash__y evaluating rule: self.x__dash__y != self.__namespace__'],
    ],
    [
      'a quantity',
      { size: '2Gi' },
      ['spec.size: Invalid value: "string": failed rule: quantity(self).isLessThan(quantity("1Gi"))'],
    ],
    [
      'what is no quantity',
      { size: 'x' },
      [
        `spec.size: Invalid value: "string": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' evaluating rule: quantity(self).isLessThan(quantity("1Gi"))`,
      ],
    ],
    [
      'keys of a map',
      { labels: { a: 'x', b: 'y' } },
      ['spec.labels: Invalid value: "object": failed rule: self.all(k, k.startsWith("a"))'],
    ],
    ['a set in another order', { hosts: ['b', 'a'] }, []],
    [
      'a set that differs',
      { hosts: ['b', 'c'] },
      ['spec.hosts: Invalid value: "array": failed rule: self == ["b", "a"]'],
    ],
  ]
  for (const [name, change, wanted] of rows) {
    test(name, () => assert.deepEqual(problemsOf(example, { spec: { ...good.spec, ...change } }), wanted))
  }

  test('a rule with oldSelf is asked of the item with the same key', () => {
    const old = {
      spec: {
        ...good.spec,
        ports: [
          { name: 'q', number: 5 },
          { name: 'p', number: 2 },
        ],
      },
    }
    assert.deepEqual(problemsOf(example, good, old), ['spec.ports[0].number: Invalid value: "integer": must grow'])
  })

  test('what did not change is forgiven', () => {
    const broken = { spec: { ...good.spec, replicas: 11, minimum: 12 } }
    assert.deepEqual(problemsOf(example, { ...broken, metadata: { labels: { a: 'b' } } }, broken), [])
    // The object around it changed, and so the rule of that is asked again.
    assert.deepEqual(problemsOf(example, { spec: { ...broken.spec, size: '2Mi' } }, broken), [
      'spec.replicas: Forbidden: 11 is below 12',
    ])
  })

  test('all rules together have a budget', () => {
    const schema = specOf({
      type: 'object',
      properties: { words: { type: 'array', items: { ...text, rules: [{ rule: 'self.matches("^[a-z]+$")' }] } } },
    })
    const words = Array.from({ length: 5 }, () => 'a'.repeat(1_000))
    const { report, problems } = createReport()
    // Each word costs 203.
    validateRules(schema, { spec: { words } }, undefined, report, { budget: 700 })
    assert.deepEqual(
      problems.map(({ field, detail }) => [field, detail]),
      [
        [
          'spec.words[3]',
          'validation failed due to running out of cost budget, no further validation rules will be run',
        ],
      ],
    )
  })

  test('names that JavaScript knows are data', () => {
    const schema = specOf({
      type: 'object',
      additionalProperties: text,
      rules: [{ rule: '!("toString" in self) && !has(self.constructor)' }],
    })
    assert.deepEqual(problemsOf(schema, { spec: {} }), [])
    const parsed: unknown = JSON.parse('{"spec": {"__proto__": "x"}}')
    const named = specOf({
      type: 'object',
      additionalProperties: text,
      rules: [{ rule: 'self["__proto__"] == "x" && self.size() == 1' }],
    })
    assert.deepEqual(problemsOf(named, parsed), [])
  })
})

describe('compiling rules', () => {
  const compileOne = (schema: Schema, rule: string) => compileRules([{ rule }], ruleScope(schema, false)!)[0]!

  const problems: readonly (readonly [string, string])[] = [
    ['self.foo', "compilation failed: ERROR: <input>:1:5: undefined field 'foo'\n | self.foo\n | ....^"],
    ['self.replicas', 'cel expression must evaluate to a bool'],
    [
      'self.replicas == "a"',
      `compilation failed: ERROR: <input>:1:15: found no matching overload for '_==_' applied to '(int, string)'\n | self.replicas == "a"\n | ..............^`,
    ],
    [
      'foo == 1',
      "compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^",
    ],
  ]
  for (const [rule, wanted] of problems) {
    test(rule, () =>
      assert.equal(compileOne({ type: 'object', properties: { replicas: integer } }, rule).problem, wanted),
    )
  }

  // Without bounds, a list has as many items as a request can hold.
  const most = Math.floor((3 * 1024 * 1024 - 2) / 3)
  const costs: readonly (readonly [string, Schema, string, number])[] = [
    ['an int', integer, 'self > 3', 2],
    ['a bounded text', { type: 'string', maxLength: 10 }, 'self.startsWith("abc")', 2],
    ['an unbounded text', text, 'self == "abc"', 2],
    ['a text in itself', text, 'self.contains(self)', Math.ceil((3 * 1024 * 1024 - 2) / 10) ** 2 + 2],
    ['a bounded list', { type: 'array', items: integer, maxItems: 10 }, 'self.all(x, x > 3)', 1 + 10 * (2 + 1 + 2) + 1],
    ['an unbounded list of texts', { type: 'array', items: text }, 'self.all(x, x == "a")', 1 + most * (2 + 1 + 2) + 1],
  ]
  for (const [name, schema, rule, wanted] of costs) {
    test(`cost: ${name}`, () => assert.equal(compileOne(schema, rule).cost, wanted))
  }
})
