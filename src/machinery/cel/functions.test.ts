import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { authorizerType, authorizerValue, type AccessQuestion } from '#lib/cel/functions/authorizer.ts'
import { estimateCost } from '#lib/cel/cost.ts'
import { compile, evaluate } from '#lib/cel/program.ts'
import { formatIssues } from '#lib/cel/source.ts'
import { Double, ListValue, MapValue, Optional, type Value } from '#lib/cel/values.ts'
import { kubernetesEnvironment } from './environment.ts'

const asked: AccessQuestion[] = []
const authorizer = authorizerValue((question) => {
  asked.push(question)
  return { allowed: question.verb === 'get', reason: 'because' }
})
const environment = kubernetesEnvironment().extend({ variables: { authorizer: authorizerType } })

function run(text: string): unknown {
  const compiled = compile(environment, text)
  if ('issues' in compiled) return formatIssues(text, compiled.issues)
  const outcome = evaluate(compiled, { authorizer }, 1_000_000)
  return 'error' in outcome ? outcome.error : plain(outcome.value)
}

function plain(value: Value): unknown {
  if (value instanceof ListValue) return [...value].map(plain)
  if (value instanceof MapValue) return Object.fromEntries(value.keys().map((key) => [key, plain(value.get(key)!)]))
  if (value instanceof Double) return value.value
  return value instanceof Optional ? (value.value === undefined ? null : plain(value.value)) : value
}

describe('functions of Kubernetes', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['[1, 2, 2].isSorted() && !["b", "a"].isSorted()', true],
    ['[1, 2, 3].sum() == 6 && [1.5, 2.0].sum() == 3.5', true],
    ['[duration("1m"), duration("1s")].sum() == duration("61s")', true],
    ['[3, 1, 2].min() == 1 && ["a", "b"].max() == "b"', true],
    ['[].min() == 1', 'min called on empty list'],
    ['[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2 && [1].indexOf(5) == -1', true],
    ['"abc 123".find("[0-9]+")', '123'],
    ['"a1b22".findAll("[0-9]+")', ['1', '22']],
    ['"a1b22".findAll("[0-9]+", 1)', ['1']],
    ['"abc".find("(")', 'Illegal regex: error parsing regexp: missing closing ): `(`'],
    ['url("https://user@example.com:8080/a%20b?x=1&x=2&y=+#f").getHost()', 'example.com:8080'],
    ['url("https://[::1]:80/p").getHostname()', '::1'],
    ['url("https://example.com:80/").getPort()', '80'],
    ['url("https://example.com/a%20b?q").getEscapedPath()', '/a%20b'],
    ['url("https://example.com/?x=1&x=2&y=a+b").getQuery()', { x: ['1', '2'], y: ['a b'] }],
    ['url("HTTPS://example.com/").getScheme()', 'https'],
    ['isURL("/absolute") && !isURL("relative") && !isURL("http://a b/") && !isURL("http://a:b/")', true],
    ['url("../a").getHost()', 'URL parse error during conversion from string: parse "../a": invalid URI for request'],
    ['isIP("10.0.0.1") && isIP("::1") && !isIP("010.0.0.1") && !isIP("::ffff:1.2.3.4")', true],
    [
      'ip("fe80::1").isLinkLocalUnicast() && ip("224.0.0.1").isLinkLocalMulticast() && ip("8.8.8.8").isGlobalUnicast()',
      true,
    ],
    ['ip.isCanonical("2001:db8::1") && !ip.isCanonical("2001:DB8::1")', true],
    ['string(ip("2001:DB8::1"))', '2001:db8::1'],
    ['ip("10.0.0.1") == ip("10.0.0.1") && ip("10.0.0.1").family() == 4', true],
    [
      'ip("x").family()',
      'IP Address "x" parse error during conversion from string: ParseAddr("x"): unable to parse IP',
    ],
    ['cidr("10.0.0.7/8").containsIP("10.1.2.3") && cidr("10.0.0.0/8").containsCIDR(cidr("10.1.0.0/16"))', true],
    ['string(cidr("10.0.0.7/8").masked()) + " " + string(cidr("10.0.0.7/8").prefixLength())', '10.0.0.0/8 8'],
    ['isCIDR("10.0.0.0/33") || isCIDR("10.0.0.0") || cidr("10.0.0.0/8").containsCIDR("10.0.0.0/7")', false],
    ['quantity("1Gi").isGreaterThan(quantity("500Mi")) && quantity("50k").add(20) == quantity("50020")', true],
    ['quantity("1.5").isInteger() || quantity("2000m").asInteger() != 2', false],
    ['quantity("1.5").asInteger()', 'cannot convert value to integer'],
    ['quantity("250m").asApproximateFloat()', 0.25],
    ['quantity("1").sub(quantity("2")).compareTo(quantity("0"))', -1],
    ['isQuantity("1Xi") || !isQuantity("1Ki")', false],
    ['format.dns1123Label().validate("Abc").hasValue() && !format.dns1123Label().validate("abc").hasValue()', true],
    ['format.named("uuid").value().validate("x").value()', ['does not match the UUID format']],
    ['format.named("nothing")', null],
    ['semver("1.2.3").major() == 1 && semver("1.0.0-alpha.1").isLessThan(semver("1.0.0-alpha.beta"))', true],
    ['semver("1.0.0+a") == semver("1.0.0+b") && semver("v01.2", true) == semver("1.2.0")', true],
    ['isSemver("v1.0.0") || isSemver("1.0") || !isSemver("v1.0", true)', false],
    ['semver("1.0.x")', 'Invalid character(s) found in patch number "x"'],
    ['sets.contains([1, 2], [2]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])', true],
    ['["b", "a"].sort() == ["a", "b"] && ["bb", "a"].sortBy(w, w.size()) == ["a", "bb"]', true],
    ['[[1], [2, 3]].flatten() == [1, 2, 3] && [1, 1].distinct() == [1] && [1, 2, 3].slice(1, 2) == [2]', true],
    [
      'math.abs(1)',
      "ERROR: <input>:1:1: undeclared reference to 'math' (in container '')\n | math.abs(1)\n | ^\nERROR: <input>:1:9: undeclared reference to 'abs' (in container '')\n | math.abs(1)\n | ........^",
    ],
    ['authorizer.path("/healthz").check("get").allowed()', true],
    ['authorizer.path(" ").check("get").allowed()', 'path must not be empty'],
    ['authorizer.serviceAccount("ns", "Bad name").path("/").check("get").allowed()', 'Invalid service account name'],
  ]
  for (const [text, wanted] of rows) test(text, () => assert.deepEqual(run(text), wanted))

  test('an authorizer is asked what was put together', () => {
    asked.length = 0
    const text =
      'authorizer.serviceAccount("ns", "robot").group("apps").resource("deployments").subresource("scale").namespace("a").name("b").labelSelector("x=y").check("get").reason()'
    assert.equal(run(text), 'because')
    assert.deepEqual(asked, [
      {
        verb: 'get',
        group: 'apps',
        resource: 'deployments',
        subresource: 'scale',
        namespace: 'a',
        name: 'b',
        fieldSelector: '',
        labelSelector: 'x=y',
        serviceAccount: { namespace: 'ns', name: 'robot' },
      },
    ])
  })

  test('no expression asks an authorizer more than twice', () => {
    const check = 'authorizer.path("/").check("list").allowed()'
    assert.equal(run(`${check} || ${check}`), false)
    assert.equal(run(`${check} || ${check} || ${check}`), 'operation cancelled: actual cost limit exceeded')
  })

  // As in upstream's own table of costs.
  const selector = 'spec.nodeName=example-node-name.fully.qualified.domain.name.example.com'
  const costs: readonly (readonly [string, number, number])[] = [
    [`authorizer.group('').resource('pods').fieldSelector('${selector}')`, 1821, 1821],
    ["ip('192.168.0.1') == ip('192.168.0.1')", 5, 5],
    ["cidr('192.168.0.0/16') == cidr('192.168.0.0/16')", 5, 5],
    ["semver('1.2.3') == semver('1.2.3')", 3, 3],
    ["quantity('1Mi') == quantity('1Mi')", 3, 3],
  ]
  for (const [text, estimated, actual] of costs) {
    test(`cost: ${text}`, () => {
      const compiled = compile(environment, text)
      assert.ok(!('issues' in compiled))
      assert.equal(estimateCost(compiled.checked, () => undefined).max, estimated)
      assert.equal(evaluate(compiled, { authorizer }, 1_000_000).cost, actual)
    })
  }
})
