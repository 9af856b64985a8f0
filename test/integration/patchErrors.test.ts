// What clients are told of patches that cannot be read, or that make something of an object which its kind does not allow.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from './apiServerFixture.ts'
import { listen } from './apiServerHttp.ts'

const deployment = {
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'nginx', args: ['a<b'] }] },
    },
  },
}

/** The form of the patch, `?fieldValidation=`, the patch, the code, and the message or how it begins and ends. */
type Row = readonly [
  'json' | 'merge' | 'strategic',
  '' | 'Ignore' | 'Warn' | 'Strict',
  string,
  number,
  string | readonly [string, string],
]

const strictly = (quoted: string, why: string): string =>
  ` "" is invalid: patch: Invalid value: "${quoted}": strict decoding error: ${why}`

const rows: readonly Row[] = [
  ['strategic', '', '{"spec":', 400, 'unexpected end of JSON input'],
  ['strategic', '', '[]', 400, 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ['merge', '', '{"spec":', 400, 'error decoding patch: unexpected end of JSON input'],
  [
    'merge',
    '',
    '"x"',
    400,
    'error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}',
  ],
  [
    'json',
    '',
    '{}',
    400,
    'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
  ],
  [
    'json',
    '',
    '[1]',
    400,
    'error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp',
  ],
  [
    'json',
    '',
    '[{"op":1}]',
    400,
    'error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string',
  ],
  ...(
    [
      ['{"spec":{"replicas":"x"}}', 'map[spec:map[replicas:x]]', 'unrecognized type: int32'],
      ['{"spec":{"replicas":1.5}}', 'map[spec:map[replicas:1.5]]', 'cannot convert float64 to int32'],
      ['{"spec":{"paused":1}}', 'map[spec:map[paused:1]]', 'unrecognized type: bool'],
      ['{"spec":[]}', 'map[spec:[]]', 'cannot restore struct from: slice'],
      ['{"metadata":{"labels":{"a":1}}}', 'map[metadata:map[labels:map[a:1]]]', 'cannot convert int64 to string'],
      ['{"metadata":{"labels":"a"}}', 'map[metadata:map[labels:a]]', 'cannot restore map from string'],
      ['{"metadata":{"finalizers":{}}}', 'map[metadata:map[finalizers:map[]]]', 'cannot restore slice from map'],
      [
        '{"spec":{"strategy":{"type":3}}}',
        'map[spec:map[strategy:map[type:3]]]',
        'cannot convert int64 to v1.DeploymentStrategyType',
      ],
    ] as const
  ).map(([patch, quoted, why]): Row => [
    'strategic',
    '',
    patch,
    422,
    ` "" is invalid: patch: Invalid value: "${quoted}": ${why}`,
  ]),
  [
    'strategic',
    'Strict',
    '{"zeta":1,"spec":{"bogus":1}}',
    422,
    strictly('map[spec:map[bogus:1] zeta:1]', 'unknown field "spec.bogus", unknown field "zeta"'),
  ],
  [
    'strategic',
    'Strict',
    '{"spec":{"replicas":1,"replicas":2}}',
    422,
    strictly('map[spec:map[replicas:2]]', 'duplicate field "spec.replicas"'),
  ],
  [
    'merge',
    '',
    '{"spec":{"replicas":"x"}}',
    422,
    [
      String.raw` "" is invalid: patch: Invalid value: "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"`,
      String.raw`\"status\":{}}": json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`,
    ],
  ],
  [
    'merge',
    'Strict',
    '{"spec":{"bogus":1,"paused":true,"paused":false}}',
    422,
    [
      ' "" is invalid: patch: Invalid value: "{',
      ': strict decoding error: duplicate field "spec.paused", unknown field "spec.bogus"',
    ],
  ],
  [
    'json',
    'Strict',
    '[{"op":"add","path":"/spec/bogus","value":1,"why":2,"op":"add"}]',
    422,
    [
      ' "" is invalid: patch: Invalid value: "{',
      ': strict decoding error: json patch duplicate field "[0].op", json patch unknown field "[0].why", unknown field "spec.bogus"',
    ],
  ],
  [
    'json',
    'Ignore',
    '[{"op":"replace","path":"/spec/replicas","value":"x"}]',
    422,
    [
      String.raw` "" is invalid: patch: Invalid value: "{\"apiVersion\":`,
      ': json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
  ],
]

const mediaTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
}

test('patches that are refused', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const path = '/apis/apps/v1/namespaces/default/deployments'
  assert.equal((await http.ask('POST', path, { body: deployment })).code, 201)
  for (const [type, validation, body, code, expected] of rows) {
    const query = validation === '' ? '' : `?fieldValidation=${validation}`
    const headers = { 'content-type': mediaTypes[type] }
    const answer = await http.ask('PATCH', `${path}/web${query}`, { headers, body })
    const { message, details } = JSON.parse(answer.text) as {
      message: string
      details?: { kind?: string; causes?: readonly { field: string; reason: string }[] }
    }
    const what = `${type} ${validation} ${body}`
    if (typeof expected === 'string') assert.equal(message, expected, what)
    else {
      const [begin, end] = expected
      assert.equal(message.slice(0, begin.length), begin, what)
      assert.equal(message.slice(-end.length), end, what)
    }
    assert.equal(answer.code, code, what)
    if (code !== 422) continue
    assert.equal(details?.kind, undefined, what)
    assert.deepEqual(
      details?.causes?.map(({ field, reason }) => `${field} ${reason}`),
      ['patch FieldValueInvalid'],
      what,
    )
  }
  assert.deepEqual(fixture.bugs, [])
})

test('what is odd about a patch and accepted is told', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const path = '/apis/apps/v1/namespaces/default/deployments'
  await http.ask('POST', path, { body: deployment })
  const warningsOf = async (type: keyof typeof mediaTypes, body: string): Promise<unknown> => {
    const answer = await http.ask('PATCH', `${path}/web`, { headers: { 'content-type': mediaTypes[type] }, body })
    assert.equal(answer.code, 200, answer.text)
    return answer.headers['warning']
  }
  assert.equal(
    await warningsOf('strategic', '{"zeta":1,"spec":{"bogus":1,"replicas":1,"replicas":2}}'),
    String.raw`299 - "duplicate field \"spec.replicas\"", 299 - "unknown field \"spec.bogus\"", 299 - "unknown field \"zeta\""`,
  )
  assert.equal(
    await warningsOf('json', '[{"op":"test","path":"/spec/replicas","value":2,"x":1}]'),
    String.raw`299 - "json patch unknown field \"[0].x\""`,
  )
})
