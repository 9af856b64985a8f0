import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ValidatingAdmissionPolicySpec } from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import type { ValidatingAdmissionPolicyBindingSpec } from '#api/admissionregistration/v1/validatingAdmissionPolicyBinding.ts'
import type { MutatingWebhook } from '#api/admissionregistration/v1/mutatingWebhookConfiguration.ts'
import type { MutatingAdmissionPolicySpec } from '#api/admissionregistration/v1beta1/mutatingAdmissionPolicy.ts'
import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'
import { mutatingAdmissionPolicyStrategy } from './mutatingAdmissionPolicy.ts'
import { validatingAdmissionPolicyStrategy } from './validatingAdmissionPolicy.ts'
import { validatingAdmissionPolicyBindingStrategy } from './validatingAdmissionPolicyBinding.ts'
import { mutatingWebhookConfigurationStrategy } from './webhookConfiguration.ts'

function refusals(check: (report: Report) => void): string[] {
  const { report, problems } = createReport()
  check(report)
  return problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}

const metadata = { name: 'p' }
const matchConstraints = {
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
} as const satisfies object

describe('a validating policy', () => {
  const valid: ValidatingAdmissionPolicySpec = {
    failurePolicy: 'Fail',
    matchConstraints: structuredClone(matchConstraints) as ValidatingAdmissionPolicySpec['matchConstraints'] & object,
    validations: [{ expression: 'true' }],
  }
  const none = 'Required value: validations or auditAnnotations must contain at least one item'
  const rows: readonly [string, Partial<ValidatingAdmissionPolicySpec>, readonly string[]][] = [
    ['that is right', {}, []],
    ['without rules', { validations: [] }, [`spec.validations: ${none}`, `spec.auditAnnotations: ${none}`]],
    [
      'with a message of two lines',
      { validations: [{ expression: 'true', message: 'a\nb' }] },
      ['spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks'],
    ],
    [
      'with parameters of no kind',
      { paramKind: { apiVersion: 'a/b/c' } },
      [
        'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        'spec.paramKind.kind: Required value',
      ],
    ],
    [
      'with a word of CEL as a variable',
      { variables: [{ name: 'in', expression: '' }] },
      [
        'spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier',
        'spec.variables[0].expression: Required value: expression is not specified',
      ],
    ],
    [
      'with two conditions of one name',
      {
        matchConditions: [
          { name: 'a', expression: 'true' },
          { name: 'a', expression: ' ' },
        ],
      },
      ['spec.matchConditions[1].expression: Required value', 'spec.matchConditions[1].name: Duplicate value: "a"'],
    ],
    [
      'about stars beside others',
      {
        matchConstraints: {
          ...valid.matchConstraints,
          resourceRules: [
            {
              operations: ['*', 'CREATE'],
              apiGroups: ['*'],
              apiVersions: [''],
              resources: ['pods/*', 'pods/log'],
              resourceNames: ['a/b'],
            },
          ],
        },
      },
      [
        'spec.matchConstraints.resourceRules[0].resourceNames[0]: Invalid value: "a/b": may not contain \'/\'',
        'spec.matchConstraints.resourceRules[0].operations: Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other operations',
        'spec.matchConstraints.resourceRules[0].apiVersions[0]: Required value',
        'spec.matchConstraints.resourceRules[0].resources[1]: Invalid value: "pods/log": if \'pods/*\' is present, must not specify pods/log',
      ],
    ],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () => {
      const policy = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata,
        spec: { ...valid, ...own },
      }
      assert.deepEqual(
        refusals((report) => validatingAdmissionPolicyStrategy.validate?.(policy, undefined, report)),
        expected,
      )
    })
  }
})

describe('a binding', () => {
  const valid: ValidatingAdmissionPolicyBindingSpec = { policyName: 'p', validationActions: ['Deny'] }
  const rows: readonly [string, Partial<ValidatingAdmissionPolicyBindingSpec>, readonly string[]][] = [
    ['that is right', {}, []],
    ['without actions', { validationActions: [] }, ['Required value: at least one validation action is required']],
    ['that says the same twice', { validationActions: ['Deny', 'Deny'] }, ['Duplicate value: "Deny"']],
    [
      'that denies and warns',
      { validationActions: ['Deny', 'Warn'] },
      [
        'Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ],
    ],
    [
      'with parameters by name and labels',
      { paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } },
      ['Forbidden: name and selector are mutually exclusive', 'Forbidden: name and selector are mutually exclusive'],
    ],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () => {
      const binding = { apiVersion: '', kind: '', metadata, spec: { ...valid, ...own } }
      assert.deepEqual(
        refusals((report) => validatingAdmissionPolicyBindingStrategy.validate?.(binding, undefined, report)).map(
          (line) => line.replace(/^[^:]*: /, ''),
        ),
        expected,
      )
    })
  }
})

describe('a mutating policy', () => {
  const valid: MutatingAdmissionPolicySpec = {
    failurePolicy: 'Fail',
    reinvocationPolicy: 'Never',
    matchConstraints: structuredClone(matchConstraints) as MutatingAdmissionPolicySpec['matchConstraints'] & object,
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/a"}]' } }],
  }
  const rows: readonly [string, Partial<MutatingAdmissionPolicySpec>, readonly string[]][] = [
    ['that is right', {}, []],
    [
      'with the other form of change',
      {
        mutations: [
          { patchType: 'ApplyConfiguration', jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/a"}]' } },
        ],
      },
      [
        'spec.mutations[0].applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration',
        'spec.mutations[0].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
      ],
    ],
    [
      'without changes',
      { mutations: [] },
      ['spec.mutations: Required value: mutations must contain at least one item'],
    ],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () => {
      const policy = { apiVersion: '', kind: '', metadata, spec: { ...valid, ...own } }
      assert.deepEqual(
        refusals((report) => mutatingAdmissionPolicyStrategy.validate?.(policy, undefined, report)),
        expected,
      )
    })
  }
})

describe('a webhook with side effects', () => {
  const webhook: MutatingWebhook = {
    name: 'a.example.com',
    clientConfig: { service: { namespace: 'n', name: 's', port: 443, path: '/a//b' } },
    sideEffects: 'Some',
    admissionReviewVersions: ['v1'],
  }
  const configuration = { apiVersion: '', kind: '', metadata, webhooks: [webhook] }
  const path = 'webhooks[0].clientConfig.service.path: Invalid value: "/a//b": segment[1] may not be empty'
  const check = (old: typeof configuration | undefined) =>
    refusals((report) => mutatingWebhookConfigurationStrategy.validate?.(configuration, old, report))

  test('is refused when it is new', () => {
    const why = 'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'
    assert.deepEqual(check(undefined), [why, path])
  })
  test('may go on', () => assert.deepEqual(check(configuration), [path]))
})
