import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { boolType, stringType } from '#lib/cel/types.ts'
import { definitionNamed } from '#machinery/schema/load.ts'
import { PolicyCompiler } from './admissionEnvironment.ts'
import {
  AdmissionEvaluation,
  compileConditions,
  evaluateConditions,
  OutOfBudget,
  type AdmissionInput,
} from './admissionEvaluation.ts'
import { DeclaredTypes } from './declaredType.ts'
import { policyLimit } from './environment.ts'
import { MadeObject, misplacedObject, objectResult, toJson } from './patchTypes.ts'

const kind = { group: 'apps', version: 'v1', kind: 'Deployment' }
const resource = { group: 'apps', version: 'v1', resource: 'deployments' }

const input: AdmissionInput = {
  object: { metadata: { name: 'web', labels: { app: 'web' } }, spec: { replicas: 7, ratio: 0.5 } },
  oldObject: null,
  request: {
    kind,
    resource,
    requestKind: kind,
    requestResource: resource,
    name: 'web',
    namespace: 'default',
    operation: 'CREATE',
    userInfo: { username: 'jane', groups: ['a', 'b'], extra: { scope: ['x'] } },
    dryRun: false,
    options: { kind: 'CreateOptions' },
  },
  namespaceObject: { metadata: { name: 'default', labels: { env: 'test' } }, status: { phase: 'Active' } },
  params: { spec: { maximum: 5 } },
  decide: ({ resource: asked, name }) => ({ allowed: asked === 'deployments' && name === 'web', reason: '' }),
  asked: { group: 'apps', resource: 'deployments', namespace: 'default', name: 'web' },
}

const variables: readonly (readonly [string, string])[] = [
  ['replicas', 'object.spec.replicas'],
  ['double', 'variables.replicas * 2'],
  ['broken', 'object.spec.nothing'],
]

function run(text: string): unknown {
  const compiler = new PolicyCompiler({ hasParams: true })
  for (const [name, expression] of variables) compiler.addVariable(name, expression)
  const compiled = compiler.compile(text)
  const result = new AdmissionEvaluation(input, compiler.variables, policyLimit).evaluate(compiled)
  return 'error' in result ? result.error : toJson(result.value)
}

describe('expressions of policies', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['object.spec.replicas > params.spec.maximum', true],
    ['variables.double', 14],
    [
      'variables.broken == 1',
      `expression 'variables.broken == 1' resulted in error: composited variable "broken" fails to evaluate: no such key: nothing`,
    ],
    [
      'variables.unknown',
      "compilation error: compilation failed: ERROR: <input>:1:10: undefined field 'unknown'\n | variables.unknown\n | .........^",
    ],
    ['oldObject == null', true],
    ['request.userInfo.groups.exists(g, g == "b") && request.userInfo.extra["scope"] == ["x"]', true],
    ['request.kind.kind + request.resource.resource + request.operation', 'DeploymentdeploymentsCREATE'],
    [
      'request.nothing',
      "compilation error: compilation failed: ERROR: <input>:1:8: undefined field 'nothing'\n | request.nothing\n | .......^",
    ],
    ['namespaceObject.metadata.labels["env"]', 'test'],
    ['has(request.subResource) || request.dryRun', false],
    ['authorizer.requestResource.check("scale").allowed()', true],
    ['authorizer.group("").resource("pods").check("get").allowed()', false],
    ['object.spec.ratio < 1 && type(object.spec.ratio) == double', true],
    ['object.metadata.?annotations["a"].orValue("none")', 'none'],
  ]
  for (const [text, wanted] of rows) test(text, () => assert.deepEqual(run(text), wanted))

  test('what comes out must be of the right type', () => {
    const compiler = new PolicyCompiler({ hasParams: false })
    assert.equal(compiler.compile('1', boolType).problem, 'must evaluate to bool but got int')
    assert.equal(
      compiler.compile('1', stringType, boolType).problem,
      'must evaluate to one of [string bool] but got int',
    )
    assert.match(compiler.compile('params.a').problem!, /undeclared reference to 'params'/)
  })

  test('all expressions of a policy share one budget, and variables count', () => {
    const compiler = new PolicyCompiler({ hasParams: false })
    compiler.addVariable('numbers', 'lists.range(1000)')
    const compiled = compiler.compile('variables.numbers.all(n, n >= 0)')
    const evaluation = new AdmissionEvaluation(input, compiler.variables, 9_000)
    assert.deepEqual('value' in evaluation.evaluate(compiled), true)
    assert.throws(() => evaluation.evaluate(compiled), OutOfBudget)
  })

  test('types are known where mistakes are looked for', () => {
    const types = new DeclaredTypes()
    const pod = types.declare(definitionNamed('io.k8s.api.core.v1.Pod'), 'Pod', true)!
    const compiler = new PolicyCompiler({ hasParams: false, objectType: pod.type, objectTypes: types })
    assert.equal(compiler.compile('object.spec.containers.all(c, c.image != "")').problem, undefined)
    assert.match(compiler.compile('object.spec.containerz.size() > 0').problem!, /undefined field 'containerz'/)
  })
})

describe('match conditions', () => {
  const rows: readonly (readonly [readonly string[], unknown])[] = [
    [[], { matches: true }],
    [['request.operation == "CREATE"', 'object.metadata.name == "web"'], { matches: true }],
    [['object.nothing', 'false'], { matches: false }],
    [['object.nothing == 1'], { error: "expression 'object.nothing == 1' resulted in error: no such key: nothing" }],
    [
      ['object.a', 'object.b'],
      {
        error:
          "[expression 'object.a' resulted in error: no such key: a, expression 'object.b' resulted in error: no such key: b]",
      },
    ],
  ]
  for (const [expressions, wanted] of rows) {
    test(JSON.stringify(expressions), () => {
      const compiled = compileConditions(expressions.map((expression) => ({ expression })))
      assert.deepEqual(evaluateConditions(compiled, input), wanted)
    })
  }
})

describe('what mutating policies make', () => {
  function made(text: string): unknown {
    const compiler = new PolicyCompiler({ hasParams: true, hasPatches: true })
    const result = new AdmissionEvaluation(input, new Map(), policyLimit).evaluate(compiler.compile(text))
    if ('error' in result) return result.error
    const misplaced = result.value instanceof MadeObject ? misplacedObject(result.value) : undefined
    return misplaced ?? toJson(result.value)
  }

  const rows: readonly (readonly [string, unknown])[] = [
    [
      'Object{spec: Object.spec{replicas: object.spec.replicas + 1, list: [Object.spec.list{name: "a"}]}}',
      { spec: { replicas: 8, list: [{ name: 'a' }] } },
    ],
    [
      'Object{spec: Object.wrong{}}',
      'unexpected type name "Object.wrong", expected "Object.spec", which matches field name path from root Object type',
    ],
    [
      '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b~c"), value: "x"}]',
      [{ op: 'add', path: '/metadata/labels/a~1b~0c', value: 'x' }],
    ],
    [
      'JSONPatch{op: 1}',
      "compilation error: compilation failed: ERROR: <input>:1:13: expected type of field 'op' is 'string' but provided type is 'int'\n | JSONPatch{op: 1}\n | ............^",
    ],
    ['Object{?spec: optional.none()}', {}],
  ]
  for (const [text, wanted] of rows) test(text, () => assert.deepEqual(made(text), wanted))

  test('an apply configuration is an Object', () => {
    const compiler = new PolicyCompiler({ hasParams: false, hasPatches: true })
    assert.equal(compiler.compile('Object{}', objectResult).problem, undefined)
    assert.equal(compiler.compile('{"a": 1}', objectResult).problem, 'must evaluate to Object but got map(string, int)')
  })
})
