import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareVersions, readVersion } from './semanticVersion.ts'

test('versions come in the order of Semantic Versioning', () => {
  const inOrder = [
    '0.0.0',
    '1.0.0-1',
    '1.0.0-a',
    '1.0.0-a.1',
    '1.0.0-a.b',
    '1.0.0-rc.2',
    '1.0.0-rc.10',
    '1.0.0',
    '1.2.0',
  ]
  for (const [index, text] of inOrder.entries()) {
    for (const [at, other] of inOrder.entries()) {
      const order = compareVersions(readVersion(text)!, readVersion(other)!)
      assert.equal(Math.sign(order), Math.sign(index - at), `${text} ${other}`)
    }
  }
  assert.equal(compareVersions(readVersion('1.0.0+a')!, readVersion('1.0.0+b')!), 0)
})

test('what is no version is not read', () => {
  for (const text of ['', '1', '1.2', 'v1.2.3', '01.2.3', '1.2.3-', '1.2.3-01', '1.2.3+', '1.2.3.4']) {
    assert.equal(readVersion(text), undefined, text)
  }
})
