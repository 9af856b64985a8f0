import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  milliQuantityOf,
  nanoQuantityOf,
  quantityFormatError,
  quantityMilliValue,
  quantityOf,
  quantityValue,
  subtractQuantities,
} from './quantity.ts'

describe('quantities', () => {
  const canonical: readonly (readonly [string, string | { problem: string }])[] = [
    ['0', '0'],
    ['0n', '0'],
    ['-0', '0'],
    ['+5', '5'],
    ['0.5', '500m'],
    ['1.5', '1500m'],
    ['.5', '500m'],
    ['5.', '5'],
    ['1000', '1k'],
    ['1000m', '1'],
    ['1500', '1500'],
    ['1024', '1024'],
    ['1024Ki', '1Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['0.1Mi', '104857600m'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['12e5', '1200e3'],
    ['1e-3', '1e-3'],
    ['100e-1', '10'],
    ['1E', '1E'],
    ['1Ei', '1Ei'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['1.1n', '2n'],
    ['123456789012345678901234567890', '9223372036854775807'],
    ['9e99999', '9223372036854775807'],
    ['64Mi', '64Mi'],
    ['100Mi', '100Mi'],
    ['1000Mi', '1000Mi'],
    ['1000k', '1M'],
    ['0.001', '1m'],
    ['', { problem: quantityFormatError }],
    ['abc', { problem: quantityFormatError }],
    ['1 Gi', { problem: quantityFormatError }],
    ['.', { problem: quantityFormatError }],
    ['1.2.3', { problem: quantityFormatError }],
    ['1Kii', { problem: "unable to parse quantity's suffix" }],
    ['1K', { problem: "unable to parse quantity's suffix" }],
    ['1e', { problem: "unable to parse quantity's suffix" }],
  ]
  for (const [text, expected] of canonical) {
    it(`writes "${text}" canonically`, () => assert.deepEqual(canonicalQuantity(text), expected))
  }

  it('refuses far too many digits without computing them', () => {
    assert.deepEqual(canonicalQuantity('1'.repeat(100_000)), { problem: 'unable to parse numeric part of quantity' })
    assert.equal(canonicalQuantity('1e-999999999'), '1e-9')
  })

  it('compares, adds and subtracts exactly', () => {
    assert.deepEqual(
      [
        compareQuantities('1', '1000m'),
        compareQuantities('1Gi', '1G'),
        compareQuantities('-1', '0'),
        addQuantities('0.1', '0.2'),
        addQuantities('1Gi', '512Mi'),
        addQuantities('0', '1Mi'),
        subtractQuantities('1', '250m'),
        subtractQuantities('1Mi', '1Mi'),
      ],
      [0, 1, -1, '300m', '1536Mi', '1Mi', '750m', '0'],
    )
  })

  it('gives whole units and thousandths, rounded away from zero', () => {
    assert.deepEqual(
      ['250m', '1.5Gi', '2e3', '-1500m', '1n'].map((text) => [quantityValue(text), quantityMilliValue(text)]),
      [
        [1, 250],
        [1610612736, 1610612736000],
        [2000, 2000000],
        [-2, -1500],
        [1, 1],
      ],
    )
    assert.throws(() => quantityValue('many'), /Cannot read quantity "many"/)
  })

  it('makes quantities of numbers', () => {
    assert.deepEqual(
      [quantityOf(3000), quantityOf(2 ** 30, 'BinarySI'), milliQuantityOf(1500), milliQuantityOf(2000)],
      ['3k', '1Gi', '1500m', '2'],
    )
  })

  it('makes the same of numbers as of texts', () => {
    for (const amount of [0, 1, -1, 7, 512, 999, 1_000, 1_023, 1_024, 1_500, 1_536, 2 ** 20, 4.5e9, 2 ** 40, -3_000]) {
      assert.equal(quantityOf(amount), canonicalQuantity(String(amount)))
      assert.equal(quantityOf(amount * 1_024, 'BinarySI'), canonicalQuantity(`${amount}Ki`))
      assert.equal(milliQuantityOf(amount), canonicalQuantity(`${amount}m`))
      assert.equal(nanoQuantityOf(amount), canonicalQuantity(`${amount}n`))
    }
    assert.equal(quantityOf(1_000, 'BinarySI'), '1k')
    assert.equal(quantityOf(2_000, 'DecimalExponent'), '2e3')
    assert.equal(quantityOf(2 ** 60), '1152921504606846976')
    assert.equal(nanoQuantityOf(2 ** 60), '1152921504606846976n')
  })

  it('rounds billionths up to thousandths, as all that is finer', () => {
    for (const amount of [0, 1, 999_999, 1_000_000, 1_000_001, 250_000_000, 123_456_789_012_345]) {
      assert.equal(quantityMilliValue(`${amount}n`), quantityMilliValue(`0${amount}.0n`))
    }
    assert.equal(quantityMilliValue('180867234n'), 181)
    assert.equal(quantityMilliValue('-1n'), -1)
  })
})
