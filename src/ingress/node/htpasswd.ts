/**
 * Passwords as htpasswd and crypt(3) write them: Apache's `$apr1$`, `$1$` (MD5), `$5$` and `$6$` (SHA-crypt, by Ulrich Drepper's
 * specification), `{SHA}`, `{SSHA}` and `{PLAIN}`. Those of bcrypt are only told from others.
 */
import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether a hash is of bcrypt, with a cost that is borne; `SlowPasswords` checks those. */
export function isSlowHash(hash: string): boolean {
  const cost = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1]
  return cost !== undefined && Number(cost) >= 4 && Number(cost) <= mostCost
}

/** Whether a hash is one that can be checked. */
export function isKnownHash(hash: string): boolean {
  if (isSlowHash(hash)) return true
  const rounds = /^\$[56]\$rounds=(\d+)\$/.exec(hash)?.[1]
  if (rounds !== undefined && Number(rounds) > mostRounds) return false
  return /^(?:\$apr1\$|\$1\$|\$5\$|\$6\$|\{SHA\}|\{SSHA\}|\{PLAIN\})/.test(hash)
}

/** Whether a password has that hash; never for hashes that are not known, or of bcrypt. Takes up to some milliseconds for SHA-crypt. */
export function verifyPassword(password: string, hash: string): boolean {
  const bytes = Buffer.from(password)
  const computed = hashLike(bytes, hash)
  return computed !== undefined && isSame(computed, hash)
}

function hashLike(password: Buffer, hash: string): string | undefined {
  if (hash.startsWith('{SHA}')) return `{SHA}${createHash('sha1').update(password).digest('base64')}`
  if (hash.startsWith('{PLAIN}')) return `{PLAIN}${password.toString()}`
  if (hash.startsWith('{SSHA}')) {
    const salt = Buffer.from(hash.slice(6), 'base64').subarray(20)
    return `{SSHA}${Buffer.concat([createHash('sha1').update(password).update(salt).digest(), salt]).toString('base64')}`
  }
  const md5 = /^(\$apr1\$|\$1\$)([^$]{0,8})/.exec(hash)
  if (md5 !== null) return md5Crypt(password, md5[2]!, md5[1]!)
  const sha = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})/.exec(hash)
  if (sha !== null) return shaCrypt(password, sha[3]!, sha[1] === '5' ? 'sha256' : 'sha512', sha[2])
  return undefined
}

function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

/** Poul-Henning Kamp's algorithm: 1,000 rounds of MD5. */
function md5Crypt(password: Buffer, saltText: string, magic: string): string {
  const salt = Buffer.from(saltText)
  const digest = (...parts: readonly Buffer[]): Buffer => createHash('md5').update(Buffer.concat(parts)).digest()
  const inner = digest(password, salt, password)
  const start = [password, Buffer.from(magic), salt, repeated(inner, password.length)]
  for (let i = password.length; i > 0; i >>= 1) start.push((i & 1) === 1 ? Buffer.alloc(1) : password.subarray(0, 1))
  let sum = digest(...start)
  for (let round = 0; round < 1_000; round++) {
    const odd = (round & 1) === 1
    sum = digest(
      odd ? password : sum,
      round % 3 === 0 ? empty : salt,
      round % 7 === 0 ? empty : password,
      odd ? sum : password,
    )
  }
  return `${magic}${saltText}$${encode64(sum, md5Order)}`
}

/** https://www.akkadia.org/drepper/SHA-crypt.txt */
function shaCrypt(password: Buffer, saltText: string, algorithm: 'sha256' | 'sha512', roundsText?: string): string {
  const salt = Buffer.from(saltText)
  const digest = (...parts: readonly Buffer[]): Buffer => createHash(algorithm).update(Buffer.concat(parts)).digest()
  const rounds = roundsText === undefined ? 5_000 : Math.min(Math.max(Number(roundsText), 1_000), mostRounds)
  const inner = digest(password, salt, password)
  const start = [password, salt, repeated(inner, password.length)]
  for (let i = password.length; i > 0; i >>= 1) start.push((i & 1) === 1 ? inner : password)
  let sum = digest(...start)
  const p = repeated(digest(...Array<Buffer>(password.length).fill(password)), password.length)
  const s = repeated(digest(...Array<Buffer>(16 + sum[0]!).fill(salt)), salt.length)
  for (let round = 0; round < rounds; round++) {
    const odd = (round & 1) === 1
    sum = digest(odd ? p : sum, round % 3 === 0 ? empty : s, round % 7 === 0 ? empty : p, odd ? sum : p)
  }
  const magic = algorithm === 'sha256' ? '$5$' : '$6$'
  const order = algorithm === 'sha256' ? sha256Order : sha512Order
  return `${magic}${roundsText === undefined ? '' : `rounds=${rounds}$`}${saltText}$${encode64(sum, order)}`
}

/** A hash may ask for 999,999,999, which is minutes in which nobody else is served; these are some 50 ms. */
const mostRounds = 50_000
/** Each step more takes twice as long; a quarter of a second here. */
const mostCost = 12
const empty = Buffer.alloc(0)

/** As many bytes of a text that repeats. */
function repeated(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes)
}

const digits = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Groups of up to three bytes, in that order, as four digits of six bits each, the lowest first. */
function encode64(sum: Buffer, order: readonly (readonly number[])[]): string {
  let text = ''
  for (const group of order) {
    let value = 0
    for (const at of group) value = value * 256 + sum[at]!
    for (let count = 0; count <= group.length; count++, value = Math.floor(value / 64)) text += digits[value % 64]!
  }
  return text
}

const md5Order = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]]
const sha256Order = [
  ...rotating(10, [0, 10, 20], (at, [a, b, c]) => (at % 3 === 0 ? [a, b, c] : at % 3 === 1 ? [c, a, b] : [b, c, a])),
  [31, 30],
]
const sha512Order = [
  ...rotating(21, [0, 21, 42], (at, [a, b, c]) => (at % 3 === 0 ? [a, b, c] : at % 3 === 1 ? [b, c, a] : [c, a, b])),
  [63],
]

type Triple = readonly [number, number, number]

function rotating(count: number, first: Triple, turn: (at: number, triple: Triple) => number[]): number[][] {
  return Array.from({ length: count }, (_, at) => turn(at, [first[0] + at, first[1] + at, first[2] + at]))
}
