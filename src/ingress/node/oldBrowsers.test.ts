import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOldBrowser } from './oldBrowsers.ts'

const like = '(KHTML, like Gecko)'
const mac = (version: string, rest: string): string =>
  `Mozilla/5.0 (Macintosh; Intel Mac OS X ${version}) AppleWebKit/605.1.15 ${like}${rest}`
const windows = (rest: string): string => `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 ${like} ${rest}`
const ios = (version: string): string =>
  `Mozilla/5.0 (iPhone; CPU iPhone OS ${version} like Mac OS X) AppleWebKit/605.1.15 ${like} Version/12.0 Mobile/15E148 Safari/604.1`
const uc = (version: string): string =>
  `Mozilla/5.0 (Linux; U; Android 9) AppleWebKit/537.36 ${like} Version/4.0 Chrome/57.0.2987.108 UCBrowser/${version} Mobile Safari/537.36`

for (const [userAgent, isOld] of [
  [undefined, false],
  ['', false],
  ['curl/8.0', false],
  [ios('12_4'), true],
  [ios('13_0'), false],
  [`Mozilla/5.0 (iPad; CPU OS 12_1 like Mac OS X) AppleWebKit/605.1.15 ${like} Mobile/15E148`, true],
  [mac('10_14_6', ' Version/12.1.2 Safari/605.1.15'), true],
  [mac('10_14', ''), true],
  [mac('10_15', ' Version/13.0 Safari/605.1.15'), false],
  [mac('10_14_6', ' Chrome/80.0.3987.87 Safari/537.36'), false],
  [windows('Chrome/50.0.2661.102 Safari/537.36'), false],
  [windows('Chrome/51.0.2704.79 Safari/537.36'), true],
  [windows('Chrome/66.0.3359.117 Safari/537.36'), true],
  [windows('Chrome/67.0.3396.62 Safari/537.36'), false],
  [windows('Chrome/127.0.0.0 Safari/537.36'), false],
  [uc('12.13.1.1005'), true],
  [uc('12.13.2.1005'), false],
  [uc('11.5.0.100'), true],
  [uc('13.0.0.1'), false],
] as const)
  test(`${isOld ? 'old' : 'not old'}: ${userAgent ?? 'nothing'}`, () => assert.equal(isOldBrowser(userAgent), isOld))

test('what stands behind the longest name does not count', () => {
  const late = `${'x'.repeat(505)} Chrome/60.0.3112.113`
  assert.equal(isOldBrowser(late), false)
  assert.equal(isOldBrowser(late.slice(20)), true)
})
