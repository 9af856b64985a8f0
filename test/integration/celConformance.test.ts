// The conformance tests of the language, as the specification publishes them, and cel-go's messages for its own tests.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { tests as conformanceSuite } from '@bufbuild/cel-spec/testdata/conformance.js'
import { tests as parsingSuite } from '@bufbuild/cel-spec/testdata/parsing.js'
import { declare, type Overload } from '#lib/cel/declarations.ts'
import { Environment } from '#lib/cel/environment.ts'
import { extensionLibraries } from '#lib/cel/functions/index.ts'
import { compile, evaluate } from '#lib/cel/program.ts'
import { formatIssues } from '#lib/cel/source.ts'
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  formatType,
  intType,
  listType,
  mapType,
  nullType,
  opaqueType,
  parameterType,
  stringType,
  timestampType,
  typeType,
  uintType,
  type Type,
} from '#lib/cel/types.ts'
import {
  Double,
  equals,
  List,
  ListValue,
  MapOfEntries,
  MapValue,
  smallest,
  typeOf,
  TypeValue,
  Uint,
  type Value,
} from '#lib/cel/values.ts'
import { parseDuration, parseTimestamp } from '#lib/cel/time.ts'

type Json = any

interface Case {
  readonly name: string
  readonly test: { readonly original: Json; readonly error?: string; readonly type?: string }
}

function collect(suite: Json, path: string): Case[] {
  const own = (suite.tests ?? []).map((each: Json) => ({
    name: `${path}: ${each.original.name ?? each.original.expr}`,
    test: each,
  }))
  return [...own, ...(suite.suites ?? []).flatMap((each: Json) => collect(each, `${path}/${each.name}`))]
}

/** What is no part of the language as Kubernetes has it, by what a test mentions. */
const outside: readonly (readonly [string, RegExp])[] = [
  [
    'messages of protocol buffers',
    /cel\.expr\.conformance|TestAllTypes|google\.protobuf\.(?!Duration|Timestamp)|type\.googleapis|"container":"google|proto\.(?:get|has)Ext|NullValue|google\.protobuf\.Timestamp\{|google\.protobuf\.Duration\{/,
  ],
  ['cel.block, an intermediate form of optimizers', /cel\.(?:block|index|iterVar|accuVar)/],
  ['the network extension, which Kubernetes has its own of', /conformance\/network_ext/],
  ['expressions that are not checked', /"disableCheck":true/],
  ['unknown values', /unknown/],
  ['where cel-go answers -1 instead of an error', /value_errors.*(?:indexof_out_of_range|lastindexof_out_of_range)/],
]

const named: Readonly<Record<string, Type>> = {
  BOOL: boolType,
  INT64: intType,
  UINT64: uintType,
  DOUBLE: doubleType,
  STRING: stringType,
  BYTES: bytesType,
  DURATION: durationType,
  TIMESTAMP: timestampType,
}

describe('conformance', () => {
  const environment = new Environment({ libraries: extensionLibraries })
  const left = new Map<string, number>()
  const failures: string[] = []
  let passed = 0
  for (const { name, test: each } of collect(conformanceSuite, 'conformance')) {
    const text = name + JSON.stringify(each.original)
    const reason = outside.find(([, pattern]) => pattern.test(text))?.[0]
    if (reason !== undefined) {
      left.set(reason, (left.get(reason) ?? 0) + 1)
      continue
    }
    const problem = run(environment, each.original)
    if (problem === undefined) passed++
    else failures.push(`${name}\n    ${each.original.expr}\n    ${problem}`)
  }

  test('passes', () => {
    assert.equal(failures.join('\n'), '')
    assert.equal(passed, 1519)
    assert.deepEqual(Object.fromEntries(left), {
      'cel.block, an intermediate form of optimizers': 25,
      'expressions that are not checked': 104,
      'messages of protocol buffers': 694,
      'where cel-go answers -1 instead of an error': 2,
    })
  })
})

function run(environment: Environment, test: Json): string | undefined {
  const variables: Record<string, Type> = {}
  for (const { name, ident } of test.typeEnv ?? []) if (ident !== undefined) variables[name] = typeOfJson(ident.type)
  const functions = (test.typeEnv ?? []).flatMap(({ name, function: declared }: Json) =>
    declared === undefined ? [] : [declare(name, ...declared.overloads.map((each: Json) => overloadOfJson(each)))],
  )
  const libraries = [{ name: 'declared', functions }]
  const extended = environment.extend({ variables, container: test.container ?? '', libraries })
  const compiled = compile(extended, test.expr)
  if ('issues' in compiled) {
    return test.evalError === undefined ? formatIssues(test.expr, compiled.issues) : undefined
  }
  if (test.typedResult?.deducedType !== undefined) {
    const wanted = formatType(typeOfJson(test.typedResult.deducedType))
    if (formatType(compiled.type) !== wanted) return `type ${formatType(compiled.type)} is not ${wanted}`
    if (test.typedResult.result === undefined) return undefined
  }
  const values: Record<string, Value> = {}
  for (const [name, { value }] of Object.entries<Json>(test.bindings ?? {})) values[name] = valueOfJson(value)
  const outcome = evaluate(compiled, values)
  if ('error' in outcome) return test.evalError === undefined ? `error: ${outcome.error}` : undefined
  if (test.evalError !== undefined) return `no error but ${shown(outcome.value)}`
  const wanted = valueOfJson(test.value ?? test.typedResult?.result ?? { boolValue: true })
  const same = equals(outcome.value, wanted) && typeOf(outcome.value).name === typeOf(wanted).name
  const bothNaN =
    outcome.value instanceof Double &&
    wanted instanceof Double &&
    Number.isNaN(outcome.value.value) &&
    Number.isNaN(wanted.value)
  return same || bothNaN ? undefined : `${shown(outcome.value)} is not ${shown(wanted)}`
}

function overloadOfJson({ overloadId, params, resultType, isInstanceFunction }: Json): Overload {
  const call = (): never => assert.fail('is only declared')
  const parameters = (params ?? []).map(typeOfJson)
  return { id: overloadId, member: isInstanceFunction === true, parameters, result: typeOfJson(resultType), call }
}

function typeOfJson(type: Json): Type {
  if (type.primitive !== undefined) return named[type.primitive] ?? dynType
  if (type.wellKnown !== undefined) return named[type.wellKnown] ?? dynType
  if (type.listType !== undefined) return listType(typeOfJson(type.listType.elemType))
  if (type.mapType !== undefined) return mapType(typeOfJson(type.mapType.keyType), typeOfJson(type.mapType.valueType))
  if (type.null !== undefined) return nullType
  if (type.type !== undefined) return typeType(dynType)
  if (type.abstractType !== undefined) {
    return opaqueType(type.abstractType.name, ...(type.abstractType.parameterTypes ?? []).map(typeOfJson))
  }
  return type.typeParam === undefined ? dynType : parameterType(type.typeParam)
}

function valueOfJson(json: Json): Value {
  if ('nullValue' in json) return null
  if ('boolValue' in json) return json.boolValue
  if ('int64Value' in json) return smallest(BigInt(json.int64Value))
  if ('uint64Value' in json) return new Uint(BigInt(json.uint64Value))
  if ('doubleValue' in json) return new Double(Number(json.doubleValue === 'NaN' ? Number.NaN : json.doubleValue))
  if ('stringValue' in json) return json.stringValue
  if ('bytesValue' in json) return new Uint8Array(Buffer.from(json.bytesValue, 'base64'))
  if ('listValue' in json) return new List((json.listValue.values ?? []).map(valueOfJson))
  if ('mapValue' in json) {
    const map = new MapOfEntries()
    for (const { key, value } of json.mapValue.entries ?? []) map.add(valueOfJson(key), valueOfJson(value))
    return map
  }
  if ('typeValue' in json) return new TypeValue({ kind: 'dyn', name: json.typeValue, parameters: [] })
  const type = json.objectValue?.['@type'] ?? ''
  if (type.endsWith('Duration')) return parseDuration(json.objectValue.value)!
  if (type.endsWith('Timestamp')) return parseTimestamp(json.objectValue.value)!
  throw new Error(`no value of ${JSON.stringify(json)}`)
}

function shown(value: Value): string {
  if (value instanceof ListValue) return `[${[...value].map(shown).join(', ')}]`
  if (value instanceof MapValue)
    return `{${value
      .keys()
      .map((key) => `${shown(key)}: ${shown(value.get(key)!)}`)
      .join(', ')}}`
  if (value instanceof Double) return `${value.value} (double)`
  if (value instanceof Uint) return `${value.value}u`
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
}

/** Where the recovery of cel-go's parser after a first mistake finds other further ones. */
const otherMistakes =
  /existsOne\(v, f\)|in\.😁|^func\{\{a\}\}|^msg\{:a\}|^--$|^a \? b \(\(\?\)\)|--1--1--1|^ó ¢|^`b-c`|^a\.`\$b`/
/** Tests of parsers with other limits, or without the syntax of optional values. */
const otherParsers = /limit exceeded: (?:32|4)$|recursion depth exceeded|unsupported syntax|limit exceeded: 4\n/

test('messages about what does not parse or check are those of cel-go', () => {
  const environment = new Environment({ libraries: extensionLibraries })
  const different: string[] = []
  let compared = 0
  for (const { test: each } of collect(parsingSuite, 'parsing')) {
    const text: string = each.original.expr
    if (otherMistakes.test(text) || otherParsers.test(each.error ?? '') || /TestAllTypes/.test(text)) continue
    const wanted = each.error?.replaceAll('ERROR: :', 'ERROR: <input>:')
    const compiled = compile(environment, text)
    const found = 'issues' in compiled ? formatIssues(text, compiled.issues) : undefined
    compared++
    if (found !== wanted) different.push(`${text}\nWANTED ${wanted}\nFOUND ${found}`)
  }
  assert.equal(different.join('\n\n'), '')
  assert.equal(compared, 150)
})
