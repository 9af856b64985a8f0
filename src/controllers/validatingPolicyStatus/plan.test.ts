import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
} from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import { planTypeCheck } from './plan.ts'

const rules = (resources: string[]) => [
  { operations: ['*' as const], apiGroups: ['', 'apps'], apiVersions: ['v1'], resources },
]

function policy(spec: ValidatingAdmissionPolicySpec, observedGeneration?: number): ValidatingAdmissionPolicy {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'p', generation: 2 },
    spec,
    ...(observedGeneration === undefined ? {} : { status: { observedGeneration } }),
  }
}

const rows: readonly (readonly [string, ValidatingAdmissionPolicy, unknown])[] = [
  ['what was checked before', policy({ validations: [{ expression: 'object.a' }] }, 2), undefined],
  [
    'expressions that are right',
    policy({
      matchConstraints: { resourceRules: rules(['deployments']) },
      variables: [{ name: 'n', expression: 'object.spec.replicas' }],
      validations: [{ expression: 'variables.n > 1 && object.spec.template.spec.containers.all(c, c.image != "")' }],
    }),
    { observedGeneration: 2, typeChecking: {} },
  ],
  [
    'a field that only one of two kinds has',
    policy({
      matchConstraints: { resourceRules: rules(['deployments', 'pods']) },
      validations: [{ expression: 'object.spec.replicas > 1', messageExpression: '"many"' }],
    }),
    {
      observedGeneration: 2,
      typeChecking: {
        expressionWarnings: [
          {
            fieldRef: 'spec.validations[0].expression',
            warning:
              "/v1, Kind=Pod: compilation failed: ERROR: <input>:1:12: undefined field 'replicas'\n | object.spec.replicas > 1\n | ...........^\n",
          },
        ],
      },
    },
  ],
  [
    'parameters of a known kind',
    policy({
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: { resourceRules: rules(['deployments']) },
      validations: [{ expression: 'params.dataa.size() > 0' }],
    }),
    {
      observedGeneration: 2,
      typeChecking: {
        expressionWarnings: [
          {
            fieldRef: 'spec.validations[0].expression',
            warning:
              "apps/v1, Kind=Deployment: compilation failed: ERROR: <input>:1:7: undefined field 'dataa'\n | params.dataa.size() > 0\n | ......^\n",
          },
        ],
      },
    },
  ],
  [
    'rules with stars, which name no kind',
    policy({ matchConstraints: { resourceRules: rules(['*']) }, validations: [{ expression: 'object.nothing' }] }),
    { observedGeneration: 2, typeChecking: {} },
  ],
]

for (const [name, given, wanted] of rows) test(name, () => assert.deepEqual(planTypeCheck(given), wanted))
