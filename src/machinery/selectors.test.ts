import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFieldSelector, matchesFields, parseFieldSelector } from './fieldSelector.ts'
import {
  formatLabelSelector,
  matchesLabelSelector,
  matchesRequirements,
  nothing,
  parseLabelSelector,
  requirementsOf,
} from './labelSelector.ts'

test('label selectors are read, written and matched', () => {
  const labels = { app: 'web', tier: 'front', size: '7' }
  const rows: readonly [string, string, boolean][] = [
    ['', '', true],
    ['app=web', 'app=web', true],
    ['app==web', 'app==web', true],
    ['app!=web', 'app!=web', false],
    ['none!=x', 'none!=x', true],
    ['tier in (back, front)', 'tier in (back,front)', true],
    ['tier notin (back)', 'tier notin (back)', true],
    ['app', 'app', true],
    ['!app', '!app', false],
    ['! none , app', 'app,!none', true],
    ['size>6,size<8', 'size>6,size<8', true],
    ['app=', 'app=', false],
    ['app in ()', 'app in ()', false],
    ['in in (in)', 'in in (in)', false],
  ]
  for (const [text, written, matches] of rows) {
    const parsed = parseLabelSelector(text)
    assert.equal(formatLabelSelector(parsed), written, text)
    assert.equal(matchesRequirements(parsed, labels), matches, text)
  }
})

test('wrong label selectors get the messages of the API', () => {
  const name =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  const rows: readonly [string, string][] = [
    ['a===b', "unable to parse requirement: found '=', expected: identifier"],
    ['!!', "unable to parse requirement: found '!', expected: identifier"],
    ['=x', "found '=', expected: !, identifier, or 'end of string'"],
    ['a=b,', "found '', expected: identifier after ','"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['-a', `unable to parse requirement: key: Invalid value: "-a": ${name}`],
    [
      'a>x',
      `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
  ]
  for (const [text, message] of rows) assert.throws(() => parseLabelSelector(text), { message }, text)
})

test('selectors in objects: absent picks nothing, empty everything', () => {
  assert.equal(matchesLabelSelector(undefined, {}), false)
  assert.equal(matchesLabelSelector({}, { a: 'b' }), true)
  assert.equal(matchesRequirements(requirementsOf(undefined), {}), false)
  assert.equal(requirementsOf(undefined), nothing)
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'In' as const, values: ['b', 'a', 'a'] }],
  }
  assert.equal(formatLabelSelector(requirementsOf(selector)), 'app=web,tier in (a,b)')
  assert.equal(matchesLabelSelector(selector, { app: 'web', tier: 'a' }), true)
  assert.equal(matchesLabelSelector(selector, { app: 'web' }), false)
  assert.equal(matchesLabelSelector({ matchLabels: { constructor: 'x' } }, {}), false)
})

test('field selectors are read, written and matched', () => {
  const parsed = parseFieldSelector('spec.nodeName=a\\,b,status.phase!=Running,,x==y')
  assert.deepEqual(parsed, [
    { field: 'spec.nodeName', equal: true, value: 'a,b' },
    { field: 'status.phase', equal: false, value: 'Running' },
    { field: 'x', equal: true, value: 'y' },
  ])
  assert.equal(formatFieldSelector(parsed), 'spec.nodeName=a\\,b,status.phase!=Running,x=y')
  assert.equal(
    matchesFields(parsed.slice(0, 1), () => 'a,b'),
    true,
  )
  assert.equal(
    matchesFields(parsed.slice(1, 2), () => 'Running'),
    false,
  )
})

test('wrong field selectors get the messages of the API', () => {
  const rows: readonly [string, string][] = [
    ['x', "invalid selector: 'x'; can't understand 'x'"],
    ['a=b\\c', 'invalid field selector: invalid escape sequence: \\c'],
    ['a=b=c', 'invalid field selector: unescaped character in value: ='],
  ]
  for (const [text, message] of rows) assert.throws(() => parseFieldSelector(text), { message }, text)
})
