import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deployments } from '#api/apps/v1/deployment.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import type { Resource } from '#api/resource.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { ServedKind } from './chain.ts'
import { mutatingAdmissionPolicy } from './mutatingAdmissionPolicy.ts'
import { ask, clusterWith } from './testRequest.ts'
import { validatingAdmissionPolicy } from './validatingAdmissionPolicy.ts'

const kinds: readonly ServedKind[] = [deployments, configMaps].map((each) => ({
  resource: each as unknown as Resource,
  schema: schemaOfKind(each)!,
}))

const access = (caller: { readonly name: string }, { verb }: { readonly verb: string }) => ({
  allowed: caller.name === 'somebody' && verb === 'get',
  reason: '',
})

const rules = [{ operations: ['*'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] }]
const deployment = {
  metadata: { name: 'web', namespace: 'n', labels: { app: 'web' } },
  spec: { replicas: 7, template: { spec: { containers: [{ name: 'a', image: 'i' }], tolerations: [] } } },
}
const namespaces = [{ metadata: { name: 'n', labels: { env: 'test' } } }]

let revision = 0
const metadata = (name: string) => ({ name, uid: name, resourceVersion: String(++revision) })

describe('validating policies', () => {
  interface Row {
    readonly policy?: object
    readonly binding?: object
    readonly objects?: Readonly<Record<string, readonly object[]>>
    readonly wanted: object
  }
  const tooMany = { expression: 'object.spec.replicas <= 5' }
  const denied = (why: string): string =>
    `deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${why}`
  const refused = (why: string, code = 422): object => ({ refused: denied(why), code })
  const maximum = { metadata: { name: 'limits', namespace: 'n', labels: { limit: 'yes' } }, data: { most: '3' } }
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' }
  const byParam = { validations: [{ expression: 'object.spec.replicas <= int(params.data.most)' }], paramKind }

  const rows: Readonly<Record<string, Row>> = {
    'a rule that holds': { policy: { validations: [{ expression: 'object.spec.replicas == 7' }] }, wanted: {} },
    'a rule that is broken': { wanted: refused('failed expression: object.spec.replicas <= 5') },
    'its message and reason': {
      policy: { validations: [{ ...tooMany, message: ' too many ', reason: 'Forbidden' }] },
      wanted: refused('too many', 403),
    },
    'a message that is made': {
      policy: {
        validations: [
          { ...tooMany, message: 'no', messageExpression: '"at most 5, not " + string(variables.replicas)' },
        ],
        variables: [{ name: 'replicas', expression: 'object.spec.replicas' }],
      },
      wanted: refused('at most 5, not 7'),
    },
    'a warning': {
      binding: { validationActions: ['Warn'] },
      wanted: {
        warnings: [
          "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: object.spec.replicas <= 5",
        ],
      },
    },
    'a note in the audit log': {
      binding: { validationActions: ['Audit'] },
      wanted: {
        annotations: {
          'validation.policy.admission.k8s.io/validation_failure':
            '[{"message":"failed expression: object.spec.replicas <= 5","policy":"p","binding":"b","expressionIndex":0,"validationActions":["Audit"]}]',
        },
      },
    },
    'audit annotations': {
      policy: {
        validations: [],
        auditAnnotations: [
          { key: 'count', valueExpression: '"has " + string(object.spec.replicas)' },
          { key: 'none', valueExpression: 'null' },
        ],
      },
      wanted: { annotations: { 'p/count': 'has 7' } },
    },
    'an error': {
      policy: { validations: [{ expression: 'object.spec.nothing == 1' }] },
      wanted: refused("expression 'object.spec.nothing == 1' resulted in error: no such key: nothing"),
    },
    'an error that is ignored': {
      policy: { validations: [{ expression: 'object.spec.nothing == 1' }], failurePolicy: 'Ignore' },
      wanted: {},
    },
    'a condition that does not hold': {
      policy: { matchConditions: [{ name: 'c', expression: 'request.operation == "DELETE"' }] },
      wanted: {},
    },
    'another kind': {
      policy: { matchConstraints: { resourceRules: [{ ...rules[0], resources: ['pods'] }] } },
      wanted: {},
    },
    'another name': {
      policy: { matchConstraints: { resourceRules: [{ ...rules[0], resourceNames: ['db'] }] } },
      wanted: {},
    },
    'an exception': {
      policy: { matchConstraints: { resourceRules: rules, excludeResourceRules: rules } },
      wanted: {},
    },
    'another namespace': {
      binding: { matchResources: { namespaceSelector: { matchLabels: { env: 'production' } } } },
      wanted: {},
    },
    'a binding of another policy': { binding: { policyName: 'q' }, wanted: {} },
    'a namespace that expressions read': {
      policy: {
        validations: [{ expression: 'namespaceObject.metadata.labels["env"] != "test"', message: 'not here' }],
      },
      wanted: refused('not here'),
    },
    'an authorizer that expressions ask': {
      policy: { validations: [{ expression: 'authorizer.requestResource.check("get").allowed()' }] },
      wanted: {},
    },
    parameters: {
      policy: byParam,
      binding: { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } },
      objects: { configmaps: [maximum] },
      wanted: refused('failed expression: object.spec.replicas <= int(params.data.most)'),
    },
    'selected parameters': {
      policy: byParam,
      binding: { paramRef: { selector: { matchLabels: { limit: 'no' } }, parameterNotFoundAction: 'Allow' } },
      objects: { configmaps: [maximum] },
      wanted: {},
    },
    'parameters that are missing': {
      policy: byParam,
      binding: { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } },
      wanted: refused(
        'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
      ),
    },
    'parameters of an unknown kind': {
      policy: { ...byParam, paramKind: { apiVersion: 'a.b/v1', kind: 'Nothing' } },
      binding: { paramRef: { name: 'x' } },
      wanted: refused('failed to configure binding: paramKind kind `a.b/v1, Kind=Nothing` not known'),
    },
    'a policy that costs too much': {
      policy: {
        validations: Array.from({ length: 12 }, () => ({
          expression: 'lists.range(900).all(x, lists.range(200).all(y, x + y >= 0))',
        })),
      },
      wanted: refused('validation failed due to running out of cost budget, no further validation rules will be run'),
    },
  }

  for (const [name, { policy, binding, objects, wanted }] of Object.entries(rows)) {
    test(name, async () => {
      const cluster = clusterWith(
        {
          namespaces,
          validatingadmissionpolicies: [
            {
              metadata: metadata('p'),
              spec: {
                failurePolicy: 'Fail',
                matchConstraints: { resourceRules: rules },
                validations: [tooMany],
                ...policy,
              },
            },
          ],
          validatingadmissionpolicybindings: [
            { metadata: metadata('b'), spec: { policyName: 'p', validationActions: ['Deny'], ...binding } },
          ],
          ...objects,
        },
        kinds,
      )
      const { object: _, ...said } = await ask(
        validatingAdmissionPolicy(access),
        deployments,
        { object: deployment },
        cluster,
      )
      assert.deepEqual(said, wanted)
    })
  }
})

describe('mutating policies', () => {
  const apply = (expression: string) => ({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } })
  const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } })
  const denied = "policy 'p' with binding 'b' denied request: "

  const rows: Readonly<
    Record<string, { readonly mutations: readonly object[]; readonly spec?: object; readonly wanted: unknown }>
  > = {
    'a part of the object': {
      mutations: [apply('Object{spec: Object.spec{replicas: object.spec.replicas + 1}}')],
      wanted: { ...deployment.spec, replicas: 8 },
    },
    'an item of a keyed list': {
      mutations: [
        apply(
          'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "b", image: "j"}]}}}}',
        ),
      ],
      wanted: {
        replicas: 7,
        template: {
          spec: {
            containers: [
              { name: 'a', image: 'i' },
              { name: 'b', image: 'j' },
            ],
            tolerations: [],
          },
        },
      },
    },
    'one change after the other': {
      mutations: [
        patch('[JSONPatch{op: "replace", path: "/spec/replicas", value: 2}]'),
        apply('Object{spec: Object.spec{replicas: object.spec.replicas * 2}}'),
      ],
      wanted: { ...deployment.spec, replicas: 4 },
    },
    'a test that fails': {
      mutations: [
        patch('[JSONPatch{op: "test", path: "/spec/replicas", value: 1}, JSONPatch{op: "remove", path: "/spec"}]'),
      ],
      wanted: deployment.spec,
    },
    'what is atomic': {
      mutations: [
        apply(
          'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{tolerations: [Object.spec.template.spec.tolerations{key: "a"}]}}}}',
        ),
      ],
      wanted: `${denied}error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.template.spec.tolerations`,
    },
    'an object in the wrong place': {
      mutations: [apply('Object{spec: Object.other{}}')],
      wanted: `${denied}type mismatch: unexpected type name "Object.other", expected "Object.spec", which matches field name path from root Object type`,
    },
    'an error': {
      mutations: [apply('Object{spec: Object.spec{replicas: object.spec.nothing}}')],
      wanted: `${denied}expression 'Object{spec: Object.spec{replicas: object.spec.nothing}}' resulted in error: no such key: nothing`,
    },
    'an error that is ignored': {
      mutations: [apply('Object{spec: Object.spec{replicas: object.spec.nothing}}')],
      spec: { failurePolicy: 'Ignore' },
      wanted: deployment.spec,
    },
    'a condition that does not hold': {
      mutations: [apply('Object{spec: Object.spec{replicas: 1}}')],
      spec: { matchConditions: [{ name: 'c', expression: 'object.metadata.name == "db"' }] },
      wanted: deployment.spec,
    },
  }

  for (const [name, { mutations, spec, wanted }] of Object.entries(rows)) {
    test(name, async () => {
      const cluster = clusterWith(
        {
          namespaces,
          mutatingadmissionpolicies: [
            {
              metadata: metadata('p'),
              spec: { failurePolicy: 'Fail', matchConstraints: { resourceRules: rules }, mutations, ...spec },
            },
          ],
          mutatingadmissionpolicybindings: [{ metadata: metadata('b'), spec: { policyName: 'p' } }],
        },
        kinds,
      )
      const said = await ask(mutatingAdmissionPolicy(access), deployments, { object: deployment }, cluster)
      assert.deepEqual(said.refused ?? (said.object as typeof deployment).spec, wanted)
    })
  }
})
