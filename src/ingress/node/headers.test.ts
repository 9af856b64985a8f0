import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerHeaders, changeHeaders, headerObject, headerValue, requestHeaders } from './headers.ts'
import type { Client } from './headers.ts'

/** Alternating names and values, of lines such as `Host: shop.test`. */
const lines = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .flatMap((line) => line.trim().split(': '))

const client: Client = { address: '10.0.0.9', scheme: 'https', port: 443, authority: 'shop.test' }
const told = lines(`
  X-Request-ID: id
  X-Real-IP: 10.0.0.9
  X-Forwarded-For: 10.0.0.9
  X-Forwarded-Host: shop.test
  X-Forwarded-Port: 443
  X-Forwarded-Proto: https
  X-Forwarded-Scheme: https
  X-Scheme: https`)
const headersFor = (sent: string, host = 'shop.test'): string[] => requestHeaders(lines(sent), client, host, () => 'id')

test('requests keep their own headers, and lose those of the connection and those that only we may say', () => {
  const sent = `
    Host: shop.test
    Accept: a
    accept: b
    Connection: keep-alive, X-Hop
    X-Hop: 1
    TE: trailers
    Transfer-Encoding: chunked
    Content-Length: 3
    Expect: 100-continue
    Upgrade: h2c
    Proxy: x
    X_Real_IP: 1.2.3.4
    X-REAL-IP: 1.2.3.4
    Forwarded: for=1.2.3.4
    X-Original-URL: /admin`
  assert.deepEqual(headersFor(sent, 'inner.test'), [...lines('Host: inner.test\nAccept: a\naccept: b'), ...told])
})

test('what a client says of those before it is kept under another name; its request keeps its id', () => {
  const headers = headersFor('X-Forwarded-For: 1.1.1.1\nx-forwarded-for: 2.2.2.2\nx-request-id: mine')
  assert.equal(headerValue(headers, 'x-original-forwarded-for'), '1.1.1.1, 2.2.2.2')
  assert.equal(headerValue(headers, 'x-forwarded-for'), '10.0.0.9')
  assert.equal(headerValue(headers, 'x-request-id'), 'mine')
})

test('a client cannot take away by Connection what is said about it', () => {
  assert.deepEqual(headersFor('Connection: close, X-Real-IP, X-Forwarded-For'), ['Host', 'shop.test', ...told])
})

test('answers lose the headers of the connection', () => {
  const received = lines(`
    Connection: close, X-Hop
    X-Hop: 1
    Keep-Alive: timeout=5
    Set-Cookie: a
    Set-Cookie: b
    Transfer-Encoding: chunked`)
  assert.deepEqual(answerHeaders(received), ['Set-Cookie', 'a', 'Set-Cookie', 'b'])
})

test('changes remove, then set, then add', () => {
  const changes = { remove: ['A'], set: [{ name: 'b', value: '2' }], add: [{ name: 'C', value: '3' }] }
  const changed = changeHeaders(lines('a: 1\nB: 1\nC: 1\nD: 1'), changes)
  assert.deepEqual(changed, lines('C: 1\nD: 1\nb: 2\nC: 3'))
  assert.deepEqual(changeHeaders(['a', '1'], undefined), ['a', '1'])
})

test('values of a name are joined, cookies by semicolons; an object has lists', () => {
  const headers = lines('Cookie: a=1\nX: 1\ncookie: b=2\nx: 2')
  assert.equal(headerValue(headers, 'cookie'), 'a=1; b=2')
  assert.equal(headerValue(headers, 'x'), '1, 2')
  assert.equal(headerValue(headers, 'y'), undefined)
  const object = headerObject(headers)
  assert.deepEqual([object['cookie'], object['x'], object['__proto__']], [['a=1', 'b=2'], ['1', '2'], undefined])
})
