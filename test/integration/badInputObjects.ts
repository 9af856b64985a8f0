/** Random objects along a schema, mostly almost right: what hostile and confused clients send. */
import { randomInteger, type Random } from '#lib/random.ts'
import { schemaOfField, type Schema } from '#machinery/schema/model.ts'

/** Values that are wrong nearly everywhere, and names that are special to JavaScript. */
const junk: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  -0,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  ' ',
  'a',
  '0',
  '-1',
  '..',
  '../../etc/passwd',
  'a/b',
  '\u0000',
  '\uD800',
  '\u202E\uFEFF',
  '__proto__',
  'constructor',
  'toString',
  '%2f',
  '$(A)',
  '10.96.0.300',
  '::1',
  '1e999999999',
  '99999999999999999999',
  '9223372036854775808',
  'x'.repeat(300),
  'é'.repeat(64),
  [],
  {},
  [null],
  [[]],
  [{}],
  { '': '' },
  { __proto__x: 1 },
  { constructor: { prototype: { polluted: true } } },
  JSON.parse('{"__proto__":{"polluted":true}}'),
  { $patch: 'delete' },
  { $patch: 'replace', a: 1 },
  { $patch: 'nonsense' },
  { $retainKeys: 7 },
  [{ $patch: 'delete' }],
  { '$setElementOrder/containers': 'x' },
  { '$deleteFromPrimitiveList/finalizers': [{}] },
]

const keys = [
  'a',
  'b',
  'app',
  'example.com/x',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '',
  ' ',
  '..',
  'x'.repeat(80),
]

const texts: Readonly<Record<string, readonly string[]>> = {
  quantity: ['1', '100m', '1Gi', '0', '-1', '1.5e3', '1e99', '999999999999Ti', '1ZZ', '.', ''],
  time: ['2026-01-01T00:00:00Z', '2026-13-01T00:00:00Z', '0001-01-01T00:00:00Z', 'yesterday', ''],
  'micro-time': ['2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00Z', 'x'],
  duration: ['1s', '1h5m', '-3ns', '1y', '', '99999999999h'],
  byte: ['', 'YQ==', 'not base64', 'YQ', '===='],
  'int-or-string': ['http', '80', '50%', '-1%', '101%', ''],
}

const words = [
  'a',
  'b',
  'default',
  'web',
  'x-1',
  'v1',
  'kube-system',
  'busybox',
  '10.0.0.1',
  '/a',
  'a.b',
  'A',
  '-',
  '127.0.0.1/8',
]

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[randomInteger(random, from.length)]!
}

/** A value that a schema asks for, except that here and there it is something else. `wrong`: how often, 0 to 1. */
export function randomValue(random: Random, schema: Schema | undefined, wrong: number, depth = 0): unknown {
  if (schema === undefined || random.next() < wrong) return pick(random, junk)
  if (schema.enum !== undefined && random.next() < 0.9) return pick(random, schema.enum)
  if (schema.format === 'int-or-string') return random.next() < 0.5 ? 80 : pick(random, texts['int-or-string']!)
  switch (schema.type) {
    case 'object':
      return randomObject(random, schema, wrong, depth)
    case 'array':
      return Array.from({ length: depth > 9 ? 0 : randomInteger(random, 3) + (random.next() < 0.5 ? 1 : 0) }, () =>
        randomValue(random, schema.items, wrong, depth + 1),
      )
    case 'integer':
    case 'number':
      return pick(random, [0, 1, 2, 80, 443, 8080, 600, -1, 65_536])
    case 'boolean':
      return random.next() < 0.5
    case 'string':
      return pick(random, texts[schema.format ?? ''] ?? words)
    default:
      return pick(random, junk)
  }
}

function randomObject(random: Random, schema: Schema, wrong: number, depth: number): unknown {
  const object: [string, unknown][] = []
  const often = depth < 2 ? 0.5 : depth < 5 ? 0.3 : 0.1
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isRequired = schema.required?.includes(name) ?? false
    if (depth > 9 || random.next() >= (isRequired ? 0.97 : often)) continue
    object.push([name, randomValue(random, property, wrong, depth + 1)])
  }
  if (typeof schema.additionalProperties === 'object') {
    for (let left = randomInteger(random, 3); left > 0; left--)
      object.push([pick(random, keys), randomValue(random, schema.additionalProperties, wrong, depth + 1)])
  }
  if (random.next() < wrong) object.push([pick(random, keys), pick(random, junk)])
  return fromEntries(object)
}

/** Like `Object.fromEntries`: `__proto__` is a key like any other. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries)
}

/** A copy of a right object in which one field, anywhere, holds something else. */
export function changeOneField(random: Random, schema: Schema | undefined, right: unknown, wrong: number): unknown {
  if (schema === undefined || typeof right !== 'object' || right === null) return randomValue(random, schema, wrong)
  if (Array.isArray(right)) {
    const at = randomInteger(random, right.length + 1)
    return at < right.length
      ? right.with(at, changeOneField(random, schema.items, right[at], wrong))
      : [...(right as unknown[]), randomValue(random, schema.items, wrong)]
  }
  const inside = Object.entries(right).filter(([, value]) => typeof value === 'object' && value !== null)
  const fields = Object.entries(schema.properties ?? {})
  if (inside.length > 0 && random.next() < 0.75) {
    const [name, value] = pick(random, inside)
    return { ...right, [name]: changeOneField(random, schemaOfField(schema, name), value, wrong) }
  }
  if (fields.length === 0) return { ...right, [pick(random, keys)]: pick(random, junk) }
  const [name, property] = pick(random, fields)
  return { ...right, [name]: randomValue(random, property, wrong, 4) }
}

/** Bytes with some of them changed, removed, doubled or cut off. */
export function spoil(random: Random, bytes: Uint8Array): Buffer {
  let spoiled = Buffer.from(bytes)
  for (let changes = 1 + randomInteger(random, 4); changes > 0 && spoiled.length > 0; changes--) {
    const at = randomInteger(random, spoiled.length)
    switch (randomInteger(random, 6)) {
      case 0:
        spoiled[at] = randomInteger(random, 256)
        break
      case 1:
        spoiled[at] = spoiled[at]! ^ (1 << randomInteger(random, 8))
        break
      case 2:
        spoiled = spoiled.subarray(0, at)
        break
      case 3:
        spoiled = Buffer.concat([spoiled.subarray(0, at), spoiled.subarray(at + 1 + randomInteger(random, 8))])
        break
      case 4:
        spoiled = Buffer.concat([
          spoiled.subarray(0, at),
          Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]),
          spoiled.subarray(at),
        ])
        break
      default: {
        const end = at + randomInteger(random, 40)
        spoiled = Buffer.concat([spoiled.subarray(0, end), spoiled.subarray(at)])
      }
    }
  }
  return spoiled
}
