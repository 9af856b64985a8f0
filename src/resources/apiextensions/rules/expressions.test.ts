import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JSONSchemaProps, ValidationRule } from '#api/apiextensions/v1/jsonSchema.ts'
import { createReport, problemMessage } from '#machinery/validate/report.ts'
import { checkExpressions } from './expressions.ts'

const advice =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)'

function listOf(rule: ValidationRule, limits: JSONSchemaProps = {}): JSONSchemaProps {
  const items = { type: 'string', 'x-kubernetes-validations': [rule] }
  return { type: 'object', properties: { words: { type: 'array', items, ...limits } } }
}

const rows: readonly (readonly [string, JSONSchemaProps, readonly string[]])[] = [
  ['a rule within its limits', listOf({ rule: 'self.size() < 10' }, { maxItems: 10 }), []],
  [
    'a rule that may cost too much where nothing bounds it',
    listOf({ rule: 'self.contains(self)' }),
    [
      `openAPIV3Schema.properties[words].items.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
      'openAPIV3Schema.properties[words].items.x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      `openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${advice}`,
    ],
  ],
  [
    'what does not compile',
    { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.foo' }] },
    [
      'openAPIV3Schema.x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.foo","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: ' +
        "compilation failed: ERROR: <input>:1:5: undefined field 'foo'\n | self.foo\n | ....^",
    ],
  ],
  [
    'an old item that nobody can find',
    listOf({ rule: 'self == oldSelf' }, { maxItems: 10 }),
    [
      'openAPIV3Schema.properties[words].items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within openAPIV3Schema.properties[words]',
    ],
  ],
  [
    'an optional old value that is not asked for',
    { type: 'object', 'x-kubernetes-validations': [{ rule: 'true', optionalOldSelf: true }] },
    [
      'openAPIV3Schema.x-kubernetes-validations[0].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule',
    ],
  ],
]

for (const [name, schema, wanted] of rows) {
  test(name, () => {
    const { report, problems } = createReport('openAPIV3Schema')
    checkExpressions(schema, false, report)
    assert.deepEqual(
      problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`),
      wanted,
    )
  })
}
