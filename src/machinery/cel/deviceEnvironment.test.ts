import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileDeviceExpression } from './deviceEnvironment.ts'

const rows: readonly [string, string, string][] = [
  ['a driver', 'device.driver == "gpu.example.com"', ''],
  ['an attribute', 'device.attributes["gpu.example.com"].model == "a100"', ''],
  ['an attribute that may be missing', 'device.attributes["a.b"].?numa.orValue(0) == 1', ''],
  ['a capacity', 'device.capacity["gpu.example.com"].memory.compareTo(quantity("10Gi")) >= 0', ''],
  ['a version', 'device.attributes["a.b"].driverVersion.isGreaterThan(semver("1.0.0"))', ''],
  ['no choice', 'device.driver', 'must evaluate to bool or the unknown type, not string'],
  ['what devices do not have', 'device.name == "a"', 'compilation failed: ERROR: <input>:1:7: undefined field'],
  ['what there is not', 'object.spec == 1', 'compilation failed: ERROR: <input>:1:1: undeclared reference'],
  [
    'too much work',
    'device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, device.attributes.all(e, a == b)))))',
    'costly',
  ],
]
for (const [name, text, expected] of rows) {
  test(`an expression about ${name}`, () => {
    const compiled = compileDeviceExpression(text)
    const said = 'problem' in compiled ? compiled.problem : 'costly' in compiled ? 'costly' : ''
    assert.equal(said.slice(0, expected.length || undefined), expected)
  })
}
