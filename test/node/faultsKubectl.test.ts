/** What the real kubectl says when a person gives it something wrong, or something that only looks wrong. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { ensureKubectl } from '../../tools/kubectl.ts'
import { host, newPerson, reasonToSkip, run, type Ended, type Person } from './faultsFixture.ts'

const cluster = 'f-kubectl'

describe('kubectl with bad input', { skip: reasonToSkip }, () => {
  let person: Person
  let program: string

  before(async () => {
    program = (await ensureKubectl(() => {})).path
    person = await newPerson({ uid: 65_534 })
    const port = String(20_000 + (process.pid % 10_000))
    await person.must('up', cluster, '--simulated-nodes', '1', '--api-server-port', port)
  })
  after(async () => {
    await person.must('down', cluster)
    await person[Symbol.asyncDispose]()
  })

  const kubectl = (...words: string[]): Promise<Ended> =>
    run([program, ...words], { HOME: person.home, KUBECONFIG: person.kubeconfig })

  async function create(text: string | Buffer, ...more: string[]): Promise<Ended> {
    const path = join(person.home, 'manifest')
    await host.files.write(path, text)
    return await kubectl('create', '-f', path, ...more)
  }

  const configMap = (rest: string, name = 'x'): string =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"}${rest}}`
  const pod = (spec: string): string => `apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: ${spec}\n`
  const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

  const refused: readonly [note: string, text: string | Buffer, says: RegExp][] = [
    [
      'unknown fields',
      pod('{containers: [{name: a, image: a, imagePullPolcy: Always}], foo: 1}'),
      /strict decoding error: unknown field "spec\.containers\[0\]\.imagePullPolcy", unknown field "spec\.foo"/,
    ],
    [
      'a wrong type',
      pod('{containers: [{name: a, image: a}], hostNetwork: maybe}'),
      /cannot unmarshal string into Go struct field PodSpec\.spec\.hostNetwork of type bool/,
    ],
    ['missing fields', pod('{containers: [{name: a}]}'), /spec\.containers\[0\]\.image: Required value/],
    // A server without custom resources lets kubectl fail a step earlier.
    [
      'an unknown kind',
      'apiVersion: v1\nkind: Pood\nmetadata: {name: x}\n',
      /no matches for kind "Pood" in version "v1"|failed to check CRD/,
    ],
    [
      'an alias bomb',
      `${'a: &a [x,x,x,x,x,x,x,x,x]\n'}${'bcdefg'.replace(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}kind: ConfigMap\napiVersion: v1\n`,
      /document contains excessive aliasing/,
    ],
    [
      '2 MiB',
      configMap(`,"data":{"a":"${'x'.repeat(2 * 1024 * 1024)}"}`),
      /Too long: may not be more than 1048576 bytes/,
    ],
    [
      'more than 3 MiB',
      configMap(`,"data":{"a":"${'x'.repeat(3 * 1024 * 1024)}"}`),
      /Request entity too large: limit is 3145728/,
    ],
    ['a hundred levels', configMap(`,"x":${nested(100)}`), /strict decoding error: unknown field "x"/],
    ['a hundred thousand levels', configMap(`,"x":${nested(100_000)}`), /exceeded max depth/],
    [
      'a name that climbs',
      configMap('', '../../x'),
      /metadata\.name: Invalid value: "\.\.\/\.\.\/x": a lowercase RFC 1123 subdomain/,
    ],
    ['text that is nothing', 'hello', /error/i],
  ]
  for (const [note, text, says] of refused) {
    it(`refuses ${note}`, async () => {
      const { code, stderr, stdout } = await create(text)
      assert.match(stderr, says)
      assert.deepEqual([code, stdout], [1, ''])
      assert.doesNotMatch(stderr, /InternalError|Internal error/)
    })
  }

  it('takes a hundred unknown levels without validation', async () => {
    const { code, stderr } = await create(configMap(`,"x":${nested(100)}`, 'deep'), '--validate=false')
    assert.equal(code, 0, stderr)
  })

  it('takes special names of JavaScript for what they are: data', async () => {
    const data = '"__proto__":"1","constructor":"2","hasOwnProperty":"3"'
    assert.equal((await create(configMap(`,"data":{${data}}`, 'special'))).code, 0)
    assert.equal((await kubectl('label', 'cm', 'special', 'constructor=1')).code, 0)
    const patches: readonly (readonly string[])[] = [
      ['--type=strategic', '-p', '{"data":{"__proto__":"9","valueOf":"8"}}'],
      ['--type=merge', '-p', '{"data":{"__proto__":"10","toString":"7"}}'],
      [
        '--type=json',
        '-p',
        '[{"op":"add","path":"/data/__proto__","value":"11"},{"op":"remove","path":"/data/constructor"}]',
      ],
    ]
    for (const patch of patches) {
      const { code, stderr } = await kubectl('patch', 'cm', 'special', ...patch)
      assert.equal(code, 0, stderr)
    }
    const { stdout } = await kubectl('get', 'cm', 'special', '-o', 'jsonpath={.data}')
    assert.equal(stdout, '{"__proto__":"11","hasOwnProperty":"3","toString":"7","valueOf":"8"}')
    const names = async (selector: string): Promise<string> =>
      (await kubectl('get', 'cm', '-o', 'name', '-l', selector)).stdout
    assert.equal(await names('constructor=1'), 'configmap/special\n')
    assert.equal(await names('constructor'), 'configmap/special\n')
    assert.equal(await names('toString'), '')
    assert.match(await names('!toString'), /special/)
  })

  const wrong: readonly [words: readonly string[], says: RegExp][] = [
    [['get', 'pods', '-l', 'a in ('], /unable to parse requirement: found '', expected: ',', '\)' or identifier/],
    [['get', 'pods', '--field-selector=spec.nope=1'], /field label not supported: spec\.nope/],
    [['get', '--raw', '/api/v1/pods?continue=x'], /continue key is not valid/],
    [['get', '--raw', '/api/v1/pods?resourceVersion=abc'], /Invalid value: "abc"/],
    [['get', '--raw', '/api/v1/pods?limit=abc'], /limit|strconv\.ParseInt/],
    [['get', '--raw', '/api/v1/namespaces/..%2f..%2fetc/pods/x'], /NotFound|not find/],
    [['get', '--raw', '/%zz'], /invalid URL escape|400|BadRequest/],
    [['get', 'pod', 'none'], /pods "none" not found/],
    [['get', 'nonsense'], /the server doesn't have a resource type "nonsense"/],
    [
      ['label', 'cm', 'kube-root-ca.crt', '__proto__=1'],
      /metadata\.labels: Invalid value: "__proto__": name part must consist of/,
    ],
    [['explain', 'pod.__proto__'], /field "__proto__" does not exist/],
    [
      ['patch', 'cm', 'kube-root-ca.crt', '-p', '[]'],
      /unable to parse|cannot unmarshal|Invalid JSON Patch|BadRequest/i,
    ],
    [['scale', 'deployment', 'none', '--replicas=3'], /deployments\.apps "none" not found/],
    [['logs', 'none'], /pods "none" not found/],
    [['exec', 'none', '--', 'ls'], /pods "none" not found/],
  ]
  for (const [words, says] of wrong) {
    it(`refuses ${words.join(' ')}`, async () => {
      const { code, stderr } = await kubectl(...words)
      assert.match(stderr, says)
      assert.equal(code, 1)
    })
  }

  it('still has no bug in its log', async () => {
    const log = (await person.must('logs', cluster)).split('\n').filter((line) => /A bug/.test(line))
    assert.deepEqual(log, [])
  })
})
