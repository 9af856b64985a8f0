import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  absolutePath,
  defaulting,
  describedSchema,
  duration,
  ipAddress,
  listOf,
  members,
  oneOf,
  required,
  text,
  textsByName,
  wholeNumber,
  yesOrNo,
} from './settings.ts'
import { readSettings, SettingsError } from './settingsFile.ts'

const file = members('A file.', {
  name: required(text({ about: 'A name.' })),
  port: defaulting(wholeNumber({ about: 'A port.', flag: '--port', least: 1, most: 65_535 }), 443),
  wait: duration({ about: 'How long.', least: 1_000, most: 60_000 }),
  place: ipAddress({ about: 'Where.' }),
  path: absolutePath({ about: 'A file.' }),
  open: yesOrNo({ about: 'Whether.' }),
  colours: listOf({ about: 'Colours.', least: 1 }, oneOf({ about: 'One.' }, ['red', 'green'])),
  labels: textsByName({ about: 'Labels.' }),
  inner: defaulting(members('More.', { depth: defaulting(wholeNumber({ about: 'Deep.', least: 0, most: 9 }), 3) }), {}),
})

test('a file that says all is read as it is', () => {
  const content = `
name: one
port: 8443
wait: 1m
place: fd00::7
path: /etc/x
open: true
colours: [green]
labels: { a: b }
inner: { depth: 1 }
`
  assert.deepEqual(readSettings(file, content, 'f'), {
    name: 'one',
    port: 8443,
    wait: 60_000,
    place: 'fd00::7',
    path: '/etc/x',
    open: true,
    colours: ['green'],
    labels: { a: 'b' },
    inner: { depth: 1 },
  })
})

test('what is not said is as usual, or absent', () => {
  assert.deepEqual(readSettings(file, 'name: one\nopen:\n', 'f'), {
    name: 'one',
    port: 443,
    wait: undefined,
    place: undefined,
    path: undefined,
    open: undefined,
    colours: undefined,
    labels: undefined,
    inner: { depth: 3 },
  })
})

const mistakes: readonly (readonly [string, string, string])[] = [
  ['nothing', '', 'f: name is missing; it must be a text'],
  [
    'a list',
    '- name',
    'f: the file is ["name"]; it must hold name, port, wait, place, path, open, colours, labels, inner',
  ],
  [
    'an unknown setting',
    'name: a\nprot: 1',
    'f:2: prot is no setting; there are name, port, wait, place, path, open, colours, labels, inner',
  ],
  ['an unknown setting in another', 'name: a\ninner:\n  deep: 1', 'f:3: inner.deep is no setting; there are depth'],
  [
    'a setting called __proto__',
    'name: a\n__proto__: { port: 1 }',
    'f:2: __proto__ is no setting; there are name, port, wait, place, path, open, colours, labels, inner',
  ],
  ['a number that is a text', 'name: a\nport: "80"', 'f:2: port is "80"; it must be a whole number from 1 to 65535'],
  ['a number out of range', 'name: a\nport: 0', 'f:2: port is 0; it must be a whole number from 1 to 65535'],
  ['a fraction', 'name: a\nport: 1.5', 'f:2: port is 1.5; it must be a whole number from 1 to 65535'],
  ['a text that is a number', 'name: 7', 'f:1: name is 7; it must be a text'],
  ['a duration without a unit', 'name: a\nwait: 60', 'f:2: wait is 60; it must be a duration such as 90s or 1h30m'],
  ['a duration of unknown unit', 'name: a\nwait: 3d', 'f:2: wait is "3d"; it must be a duration such as 90s or 1h30m'],
  ['a duration that is too short', 'name: a\nwait: 10ms', 'f:2: wait is "10ms"; it must be from 1s to 60s'],
  [
    'an address that is none',
    'name: a\nplace: host',
    'f:2: place is "host"; it must be an IP address such as 10.0.0.7 or fd00::7',
  ],
  ['a relative path', 'name: a\npath: etc', 'f:2: path is "etc"; it must be an absolute path'],
  ['a text for yes or no', 'name: a\nopen: maybe', 'f:2: open is "maybe"; it must be true or false'],
  ['an unknown word', 'name: a\ncolours: [red, blue]', 'f:2: colours[1] is "blue"; it must be one of "red", "green"'],
  [
    'a word that stands there twice',
    'name: a\ncolours:\n- red\n- red',
    'f:4: colours[1] is "red"; it stands there already',
  ],
  ['a list without items', 'name: a\ncolours: []', 'f:2: colours is []; it must have at least 1'],
  [
    'one word for a list',
    'name: a\ncolours: red',
    'f:2: colours is "red"; it must be a list; each is one of "red", "green"',
  ],
  ['a label that is a number', 'name: a\nlabels: { a: 1 }', 'f:2: labels.a is 1; it must be a text'],
  ['a key that is there twice', 'name: a\nname: b', 'f: yaml: line 2: key "name" already set in map'],
  [
    'text that is no YAML',
    'name: [',
    'f: yaml: line 1: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  [
    'a value too long to show',
    `name: a\nplace: ${'x'.repeat(200)}`,
    `f:2: place is "${'x'.repeat(99)}...; it must be an IP address such as 10.0.0.7 or fd00::7`,
  ],
  ['a huge file', `name: ${'a'.repeat(300_000)}`, 'f: the file is larger than 262144 bytes'],
  [
    'two mistakes, told in the order of the file',
    'port: 0\nname: 1',
    'f:1: port is 0; it must be a whole number from 1 to 65535\nf:2: name is 1; it must be a text',
  ],
]

for (const [what, content, message] of mistakes) {
  test(`a file with ${what} is refused`, () => {
    assert.throws(
      () => readSettings(file, content, 'f'),
      (error) => {
        assert.ok(error instanceof SettingsError)
        assert.equal(error.message, message)
        return true
      },
    )
  })
}

test('of many mistakes the first are told', () => {
  const content = `name: a\n${Array.from({ length: 30 }, (_, index) => `x${index}: 1`).join('\n')}`
  const lines = (() => {
    try {
      readSettings(file, content, 'f')
      return []
    } catch (error) {
      return (error as Error).message.split('\n')
    }
  })()
  assert.deepEqual([lines.length, lines.at(-1)], [21, 'f: 10 more mistakes'])
})

test('the JSON schema says what reading demands', () => {
  const { properties, ...rest } = describedSchema(file) as { readonly properties: Record<string, unknown> }
  assert.deepEqual(rest, { description: 'A file.', type: 'object', additionalProperties: false, required: ['name'] })
  assert.deepEqual(properties['port'], {
    description: 'A port. (kube-apiserver: --port)',
    type: 'integer',
    minimum: 1,
    maximum: 65_535,
    default: 443,
  })
  assert.deepEqual(properties['colours'], {
    description: 'Colours.',
    type: 'array',
    items: { description: 'One.', enum: ['red', 'green'] },
    minItems: 1,
  })
})
