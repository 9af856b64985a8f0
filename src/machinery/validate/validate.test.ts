import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { schemaOfKind } from '#machinery/schema/load.ts'
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
} from '#machinery/validate/names.ts'
import { createReport, problemCauses, quoteString } from '#machinery/validate/report.ts'
import { validateObject } from '#machinery/validate/schemaRules.ts'

const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const keyText =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

describe('names', () => {
  const rows: readonly (readonly [(value: string) => string[], string, readonly string[]])[] = [
    [dnsLabelProblems, 'my-name', []],
    [dnsLabelProblems, 'a.b', ['must not contain dots']],
    [dnsLabelProblems, 'A', [labelText]],
    [dnsLabelProblems, 'a\n', [labelText]],
    [dnsLabelProblems, 'a'.repeat(64), ['must be no more than 63 characters']],
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
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name', or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
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
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
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
    report.at('spec', 'a').required()
    assert.deepEqual(
      [['spec'], ['spec', 'a'], ['spec', 'a', 0], ['spec', 'ab'], ['status']].map((path) =>
        report.at(...path).isReported(),
      ),
      [true, true, true, false, false],
    )
  })
})

describe('rules of the schema', () => {
  const deployment = schemaOfKind({ group: 'apps', version: 'v1', kind: 'Deployment' })!
  const check = (
    object: object,
    old?: object,
    before?: (report: ReturnType<typeof createReport>['report']) => void,
  ) => {
    const { report, problems } = createReport()
    before?.(report)
    validateObject(deployment, object, old, report)
    return problemCauses(problems).map(({ field, message }) => `${field}: ${message}`)
  }
  const withPod = (spec: object) => ({ spec: { template: { spec } } })

  it('checks enums, bounds and lists that must hold something', () => {
    assert.deepEqual(check(withPod({ containers: [], restartPolicy: 'Sometimes', activeDeadlineSeconds: 0 })), [
      'spec.template.spec.containers: Required value',
      'spec.template.spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
      'spec.template.spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
    ])
    assert.deepEqual(check(withPod({ containers: [{ name: 'a', ports: [{ containerPort: 70000 }] }] })), [
      'spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ])
  })

  it('is silent where a rule of the kind spoke', () => {
    assert.deepEqual(
      check(withPod({ containers: [], restartPolicy: 'Sometimes' }), undefined, (report) =>
        report.at('spec', 'template', 'spec', 'restartPolicy').required(),
      ),
      ['spec.template.spec.restartPolicy: Required value', 'spec.template.spec.containers: Required value'],
    )
  })

  it('holds fields that never change', () => {
    const selector = (app: string) => ({ spec: { selector: { matchLabels: { app } } } })
    assert.deepEqual(check(selector('a'), selector('a')), [])
    assert.deepEqual(check(selector('b'), selector('a')), [
      'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ])
  })
})
