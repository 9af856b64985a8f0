import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js'
import { GrpcClient, GrpcError, loadService } from './client.ts'

interface Message {
  text?: string
  number?: string
  labels?: Record<string, string>
  items?: string[]
  raw?: Buffer
  mood?: string
  inner?: Message | null
}

const file = fileURLToPath(new URL('testdata/echo.proto', import.meta.url))
const service = loadService({ file }, 'test.v1.Echo')

describe('a client on a unix socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'grpc-'))
  const address = `unix://${join(folder, 'echo.sock')}`
  const server = new Server()
  const client = new GrpcClient(address, service)
  const cancelled: string[] = []
  const { promise: chatCancelled, resolve: onChatCancelled } = Promise.withResolvers<void>()

  before(async () => {
    server.addService(service.methods as Parameters<Server['addService']>[0], {
      Say(call: ServerUnaryCall<Message, Message>, done: sendUnaryData<Message>) {
        if (call.request.text === 'fail') return done({ code: status.NOT_FOUND, details: 'no such thing' })
        if (call.request.text === 'hang') return void call.on('cancelled', () => cancelled.push('say'))
        done(null, { ...call.request, text: `${call.request.text} ${call.metadata.get('who').join()}`.trim() })
      },
      Count(call: ServerWritableStream<Message, Message>) {
        const { number = '0', text } = call.request
        for (let i = 0; i < Number(number); i++) call.write({ number: String(i) })
        if (text === 'fail') call.emit('error', { code: status.ABORTED, details: 'gave up' })
        else if (text !== 'open') call.end()
      },
      Chat(call: ServerDuplexStream<Message, Message>) {
        call.on('data', (message: Message) => call.write({ text: message.text!.toUpperCase() }))
        call.on('end', () => call.end())
        call.on('cancelled', () => onChatCancelled())
      },
    })
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
    )
  })
  after(() => {
    client.close()
    server.forceShutdown()
    rmSync(folder, { recursive: true })
  })

  test('one answer, with every kind of field', async () => {
    const sent: Message = {
      text: 'hi',
      number: '9007199254740993',
      labels: { a: 'b' },
      items: ['x'],
      raw: Buffer.from([0, 255]),
      mood: 'HAPPY',
      inner: { text: 'deep' },
    }
    const got = await client.call<Message, Message>('Say', sent, { metadata: { who: 'me' } })
    assert.deepEqual(got, {
      ...sent,
      text: 'hi me',
      inner: { text: 'deep', number: '0', labels: {}, items: [], raw: Buffer.alloc(0), mood: 'NEUTRAL', inner: null },
    })
  })

  test('failures carry the code by name and the message of the server', async () => {
    await assert.rejects(client.call('Say', { text: 'fail' }), (error: unknown) => {
      assert.ok(error instanceof GrpcError)
      assert.deepEqual([error.code, error.message, error.method], ['NOT_FOUND', 'no such thing', 'Say'])
      return true
    })
  })

  test('a timeout', async () => {
    await assert.rejects(client.call('Say', { text: 'hang' }, { timeout: 20 }), { code: 'DEADLINE_EXCEEDED' })
  })

  test('a signal cancels the call and its reason is the error', async () => {
    const controller = new AbortController()
    const call = client.call('Say', { text: 'hang' }, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await assert.rejects(call, { message: 'enough' })
    await assert.rejects(client.call('Say', {}, { signal: controller.signal }), { message: 'enough' })
  })

  test('many answers', async () => {
    const numbers = []
    for await (const message of client.stream<Message, Message>('Count', { number: '5' })) numbers.push(message.number)
    assert.deepEqual(numbers, ['0', '1', '2', '3', '4'])
  })

  test('many answers and then a failure', async () => {
    const numbers: unknown[] = []
    await assert.rejects(
      async () => {
        for await (const message of client.stream<Message, Message>('Count', { number: '2', text: 'fail' }))
          numbers.push(message.number)
      },
      { name: 'GrpcError', code: 'ABORTED', message: 'gave up' },
    )
    assert.deepEqual(numbers, ['0', '1'])
  })

  test('a signal ends a loop over answers', async () => {
    const controller = new AbortController()
    const numbers: unknown[] = []
    await assert.rejects(
      async () => {
        for await (const message of client.stream<Message, Message>(
          'Count',
          { number: '1', text: 'open' },
          { signal: controller.signal },
        )) {
          numbers.push(message.number)
          controller.abort(new Error('stop'))
        }
      },
      { message: 'stop' },
    )
    assert.deepEqual(numbers, ['0'])
  })

  test('both ways; leaving the loop cancels', async () => {
    const chat = client.duplex<Message, Message>('Chat')
    const got: unknown[] = []
    await chat.write({ text: 'a' })
    for await (const message of chat) {
      got.push(message.text)
      if (got.length === 2) break
      await chat.write({ text: 'b' })
    }
    assert.deepEqual(got, ['A', 'B'])
    await chatCancelled
  })

  test('both ways to the end', async () => {
    const chat = client.duplex<Message, Message>('Chat')
    await chat.write({ text: 'a' })
    chat.end()
    const got: unknown[] = []
    for await (const message of chat) got.push(message.text)
    assert.deepEqual(got, ['A'])
  })

  test('nobody there', async () => {
    const lonely = new GrpcClient(`unix://${join(folder, 'none.sock')}`, service)
    await assert.rejects(lonely.call('Say', {}), { name: 'GrpcError', code: 'UNAVAILABLE' })
    lonely.close()
  })

  test('an unknown method', () => {
    assert.throws(() => client.call('Shout', {}), { message: 'gRPC service "test.v1.Echo" has no method "Shout"' })
  })
})

test('an unknown service', () => {
  assert.throws(() => loadService({ file }, 'test.v1.Other'), {
    message: 'There is no gRPC service "test.v1.Other"; there are: test.v1.Echo',
  })
})
