import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Schema } from '#machinery/schema/model.ts'
import {
  configKeyProblems,
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  environmentNameProblems,
  labelValueProblems,
  nameProblems,
  pathSegmentProblems,
  portNameProblems,
  portNumberProblems,
  qualifiedNameProblems,
  wildcardSubdomainProblems,
} from './names.ts'
import { createReport, problemCauses, quoteString, type Report } from './report.ts'
import { validateObject } from './schemaRules.ts'

const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const keyText =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

describe('names', () => {
  const rows: readonly (readonly [(value: string) => string[], string, readonly string[]])[] = [
    [dnsLabelProblems, 'my-name', []],
    [dnsLabelProblems, 'a.b', ['must not contain dots']],
    [dnsLabelProblems, 'A', [labelText]],
    [dnsLabelProblems, 'a\n', [labelText]],
    [dnsLabelProblems, 'a'.repeat(64), ['must be no more than 63 characters']],
    [dnsLabelProblems, 'é'.repeat(32), ['must be no more than 63 characters', labelText]],
    [dnsSubdomainProblems, 'my.name', []],
    [dnsSubdomainProblems, 'Bad_Name', [subdomainText]],
    [dnsSubdomainProblems, '../x', [subdomainText]],
    [dnsSubdomainProblems, 'a'.repeat(254), ['must be no more than 253 characters']],
    [wildcardSubdomainProblems, '*.example.com', []],
    [dns1035LabelProblems, 'a1', []],
    [
      dns1035LabelProblems,
      '1a',
      [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [qualifiedNameProblems, 'example.com/MyName', []],
    [qualifiedNameProblems, '/x', ['prefix part must be non-empty']],
    [qualifiedNameProblems, 'a/', ['name part must be non-empty', `name part ${keyText}`]],
    [qualifiedNameProblems, 'A/x', [`prefix part ${subdomainText}`]],
    [
      qualifiedNameProblems,
      'a/b/c',
      [`a valid label key ${keyText} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`],
    ],
    [labelValueProblems, '', []],
    [
      labelValueProblems,
      '-',
      [
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      ],
    ],
    [pathSegmentProblems, '..', ["may not be '..'"]],
    [pathSegmentProblems, 'system:a/b%', ["may not contain '/'", "may not contain '%'"]],
    [portNameProblems, 'http', []],
    [
      portNameProblems,
      '-12--34567890123456',
      [
        'must be no more than 15 characters',
        'must contain at least one letter (a-z)',
        'must not contain consecutive hyphens',
        'must not begin or end with a hyphen',
      ],
    ],
    [configKeyProblems, '..data', ["must not start with '..'"]],
    [environmentNameProblems, 'a b.c', []],
    [
      environmentNameProblems,
      'a=b',
      ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
    ],
  ]
  for (const [check, value, expected] of rows) {
    it(`${check.name} of ${JSON.stringify(value.slice(0, 30))}`, () => assert.deepEqual(check(value), expected))
  }

  it('lets the beginning of a name end with a dash', () => {
    assert.deepEqual(nameProblems('dns-subdomain', 'web-', true), [])
    assert.deepEqual(nameProblems('dns-subdomain', 'web-'), [subdomainText])
    assert.deepEqual(portNumberProblems(0), ['must be between 1 and 65535, inclusive'])
  })
})

describe('a report', () => {
  it('writes paths and messages like upstream', () => {
    const { report, problems } = createReport()
    const container = report.at('spec', 'containers', 0)
    container.at('image').required()
    container.at('name').duplicate('a')
    report.at('metadata', 'labels').key('a.b/c').invalid('x"y', 'bad')
    report.at('spec', 'restartPolicy').notSupported('Never!', ['Always', 'Never'])
    report.at('spec').forbidden('no changes')
    report.at('spec', 'hostname').tooLong(63)
    report.at('spec', 'list').tooMany(3, 1)
    report.at('spec', 'selector').invalid({ matchLabels: { a: '<' } }, 'field is immutable')
    report.at('spec', 'replicas').invalid(-1, 'must be greater than or equal to 0')
    report.required('say something')
    report.at('spec', 'class').notFound('fast')
    assert.deepEqual(
      problemCauses(problems).map(({ reason, field, message }) => `${reason} ${field}: ${message}`),
      [
        'FieldValueRequired spec.containers[0].image: Required value',
        'FieldValueDuplicate spec.containers[0].name: Duplicate value: "a"',
        'FieldValueInvalid metadata.labels[a.b/c]: Invalid value: "x\\"y": bad',
        'FieldValueNotSupported spec.restartPolicy: Unsupported value: "Never!": supported values: "Always", "Never"',
        'FieldValueForbidden spec: Forbidden: no changes',
        'FieldValueTooLong spec.hostname: Too long: may not be more than 63 bytes',
        'FieldValueTooMany spec.list: Too many: 3: must have at most 1 item',
        'FieldValueInvalid spec.selector: Invalid value: {"matchLabels":{"a":"\\u003c"}}: field is immutable',
        'FieldValueInvalid spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        'FieldValueRequired <nil>: Required value: say something',
        'FieldValueNotFound spec.class: Not found: "fast"',
      ],
    )
  })

  it('quotes strings as Go does', () => {
    assert.equal(quoteString('a\t\u0001\u200bé😀\\'), '"a\\t\\x01\\u200bé😀\\\\"')
  })

  it('knows what was reported around a place', () => {
    const { report } = createReport()
    report.at('spec', 'a', 'b').required()
    const places = [
      ['spec', 'a'],
      ['spec', 'a', 'b'],
      ['spec', 'a', 'b', 0],
      ['spec', 'a', 'bc'],
      ['status', 'x'],
      ['metadata', 'a', 'b'],
    ]
    assert.deepEqual(
      places.map((path) => report.at(...path).isReported()),
      [true, true, true, false, false, true],
    )
  })
})

describe('rules of the schema', () => {
  const item: Schema = { type: 'object', properties: { port: { type: 'integer', minimum: 1, maximum: 65535 } } }
  const schema: Schema = {
    type: 'object',
    properties: {
      metadata: { type: 'object', properties: { mode: { type: 'string', enum: ['a'] } } },
      spec: {
        type: 'object',
        properties: {
          mode: { type: 'string', enum: ['b', 'a', ''] },
          count: { type: 'integer', minimum: 0 },
          items: { type: 'array', items: item, minItems: 1, maxItems: 3 },
          map: { type: 'object', additionalProperties: { type: 'string', maxLength: 2 } },
          fixed: { type: 'object', properties: { x: { type: 'integer' } }, immutable: true },
        },
      },
      status: { type: 'object', properties: { mode: { type: 'string', enum: ['a'] } } },
    },
  }
  const check = (object: object, old?: object, before?: (report: Report) => void) => {
    const { report, problems } = createReport()
    before?.(report)
    validateObject(schema, object, old, report)
    return problemCauses(problems).map(({ field, message }) => `${field}: ${message}`)
  }

  const rows: readonly (readonly [string, object, readonly string[]])[] = [
    ['nothing at all', {}, []],
    ['what is fine', { spec: { mode: 'a', count: 0, items: [{ port: 80 }], map: { k: 'v' } } }, []],
    ['an empty enum, which is absent', { spec: { mode: '' } }, []],
    ['metadata and status, which are not its business', { metadata: { mode: 'x' }, status: { mode: 'x' } }, []],
    ['an enum', { spec: { mode: 'x' } }, ['spec.mode: Unsupported value: "x": supported values: "a", "b"']],
    ['a bound', { spec: { count: -1 } }, ['spec.count: Invalid value: -1: must be greater than or equal to 0']],
    [
      'items',
      { spec: { items: [{ port: 1 }, { port: 70000 }] } },
      ['spec.items[1].port: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ],
    ['an empty list', { spec: { items: [] } }, ['spec.items: Required value']],
    ['a long list', { spec: { items: [{}, {}, {}, {}] } }, ['spec.items: Too many: 4: must have at most 3 items']],
    ['values of a map', { spec: { map: { k: 'long' } } }, ['spec.map[k]: Too long: may not be more than 2 bytes']],
  ]
  for (const [name, object, expected] of rows) it(`check ${name}`, () => assert.deepEqual(check(object), expected))

  it('are silent where a rule of the kind spoke', () => {
    const before = (report: Report) => report.at('spec', 'mode').required()
    assert.deepEqual(check({ spec: { mode: 'x', count: -1 } }, undefined, before), [
      'spec.mode: Required value',
      'spec.count: Invalid value: -1: must be greater than or equal to 0',
    ])
  })

  it('do not look at parts that are the very ones of the object before, and look at all others', () => {
    const [item, list, map] = [{ port: 70000 }, [{ port: 70001 }], { k: 'long' }]
    const old = { spec: { items: [item, { port: 1 }], map } }
    assert.deepEqual(check({ spec: { items: [item, item], map } }, old), [
      'spec.items[1].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ])
    assert.deepEqual(check({ spec: { items: list, mode: 'x' } }, { spec: { items: list, mode: 'x' } }), [
      'spec.mode: Unsupported value: "x": supported values: "a", "b"',
    ])
  })

  it('hold fields that never change', () => {
    const fixed = (x: number) => ({ spec: { fixed: { x } } })
    assert.deepEqual(check(fixed(1), fixed(1)), [])
    assert.deepEqual(check(fixed(1), { spec: {} }), [])
    assert.deepEqual(check(fixed(2), fixed(1)), ['spec.fixed: Invalid value: {"x":2}: field is immutable'])
    assert.deepEqual(check({ spec: {} }, fixed(1)), ['spec.fixed: Invalid value: null: field is immutable'])
  })
})
