import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadService } from '#lib/grpc/client.ts'
import { criProto, eventsProto } from './criMessages.ts'
import { readProto } from './protoText.ts'

test('messages, enums and services', () => {
  const text = `
    syntax = "proto3"; package a.b;
    /** Said of it. */
    message M { enum E { X = 0; } E an_enum = 1; repeated string names = 2; map<string, string> labels = 3; }
    service S { rpc Do(M) returns (stream M); }`
  assert.deepEqual(readProto(text), {
    nested: {
      a: {
        nested: {
          b: {
            nested: {
              M: {
                fields: {
                  anEnum: { type: 'E', id: 1 },
                  names: { rule: 'repeated', type: 'string', id: 2 },
                  labels: { keyType: 'string', type: 'string', id: 3 },
                },
                nested: { E: { values: { X: 0 } } },
              },
              S: { methods: { Do: { requestType: 'M', responseType: 'M', responseStream: true } } },
            },
          },
        },
      },
    },
  })
  assert.throws(() => readProto('wrong'), { message: 'Cannot read protobuf text: "wrong" begins nothing' })
  assert.throws(() => readProto('message M {'), { message: 'Cannot read protobuf text: it ends too early' })
})

test('the definitions that we carry can be used', () => {
  const runtime = loadService({ json: readProto(criProto) }, 'runtime.v1.RuntimeService')
  const { requestSerialize, requestDeserialize } = runtime.methods['CreateContainer']!
  const request = {
    podSandboxId: 's',
    config: {
      metadata: { name: 'c', attempt: 3 },
      envs: [{ key: 'A', value: Buffer.from('ä') }],
      labels: { a: 'b' },
      linux: {
        resources: { memoryLimitInBytes: 5_000_000_000 },
        securityContext: { namespaceOptions: { pid: 'CONTAINER' } },
      },
    },
  }
  const back = requestDeserialize(requestSerialize(request)) as typeof request
  assert.equal(back.config.metadata.attempt, 3)
  assert.equal(back.config.envs[0]!.value.toString(), 'ä')
  assert.equal(String(back.config.linux.resources.memoryLimitInBytes), '5000000000')
  assert.equal(back.config.linux.securityContext.namespaceOptions.pid, 'CONTAINER')
  assert.ok(loadService({ json: readProto(eventsProto) }, 'containerd.services.events.v1.Events').methods['Subscribe'])
})
