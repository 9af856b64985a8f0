// Objects of every kind as Kubernetes writes them, in JSON and protobuf: each must be read and written again to the same bytes.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '#lib/errorText.ts'
import { decodeBody } from '#machinery/codec/body.ts'
import { encodeProtobuf } from '#machinery/codec/protobuf.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { GroupVersionKind } from '#machinery/schema/model.ts'

/** What became of a folder of objects. */
export interface RoundTrips {
  readonly agree: number
  /** `apps.v1.Deployment: JSON from protobuf: line 7 is …`, one for each way that fails. */
  readonly differences: readonly string[]
  /** Files of kinds that nothing here describes. */
  readonly unknown: readonly string[]
}

/** Reads and writes each object of a folder whose files are called `<group>.<version>.<kind>.json` and `….pb`. */
export function compareRoundTrips(folder: string): RoundTrips {
  const differences: string[] = []
  const unknown: string[] = []
  let agree = 0
  for (const file of readdirSync(folder).toSorted()) {
    if (!file.endsWith('.json')) continue
    const name = file.slice(0, -'.json'.length)
    const kind = kindOf(name)
    if (schemaOfKind(kind) === undefined) {
      unknown.push(name)
      continue
    }
    const problems = roundTripProblems(kind, readFileSync(join(folder, file)), readFileSync(join(folder, `${name}.pb`)))
    differences.push(...problems.map((problem) => `${name}: ${problem}`))
    if (problems.length === 0) agree++
  }
  return { agree, differences, unknown }
}

/** `storage.k8s.io.v1.CSIDriver`; the core group is called `core`. */
function kindOf(name: string): GroupVersionKind {
  const parts = name.split('.')
  const kind = parts.pop()!
  const version = parts.pop()!
  const group = parts.join('.')
  return { group: group === 'core' ? '' : group, version, kind }
}

/** What differs when an object is read from either form and written in both. */
export function roundTripProblems(kind: GroupVersionKind, json: Buffer, protobuf: Buffer): string[] {
  const problems: string[] = []
  const text = json.toString('utf8').trimEnd()
  for (const [from, bytes, mediaType] of [
    ['JSON', json, 'json'],
    ['protobuf', protobuf, 'protobuf'],
  ] as const) {
    try {
      const { object } = decodeBody(bytes, { kind, mediaType })
      const written = JSON.stringify(object, null, 2)
      if (written !== text) problems.push(`JSON from ${from}: ${firstDifference(written, text)}`)
      const encoded = Buffer.from(encodeProtobuf(kind, object))
      if (!encoded.equals(protobuf)) problems.push(`protobuf from ${from}: ${byteDifference(encoded, protobuf)}`)
    } catch (error) {
      problems.push(`cannot be read from ${from}: ${messageOf(error)}`)
    }
  }
  return problems
}

function firstDifference(ours: string, theirs: string): string {
  const [own, expected] = [ours.split('\n'), theirs.split('\n')]
  const at = own.findIndex((line, index) => line !== expected[index])
  const index = at < 0 ? own.length : at
  return `line ${index + 1} is ${own[index]?.trim() ?? 'missing'}, expected ${expected[index]?.trim() ?? 'none'}`
}

function byteDifference(ours: Buffer, theirs: Buffer): string {
  const at = ours.findIndex((byte, index) => byte !== theirs[index])
  return `${ours.length} bytes instead of ${theirs.length}, the first other one at ${at < 0 ? ours.length : at}`
}
