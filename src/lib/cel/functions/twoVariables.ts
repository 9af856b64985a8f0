/** Macros that see index and element of a list, or key and value of a map. */
import { accumulatorName, make, type Expression } from '../ast.ts'
import { declare, plain, type Library } from '../declarations.ts'
import { accumulator, filtered, folds, variableName, type Fold, type Macro } from '../macros.ts'
import { mapType, parameterType } from '../types.ts'
import { EvaluationError, MapOfEntries, type MapValue, type Value } from '../values.ts'

const k = parameterType('K')
const v = parameterType('V')
const mapOfKV = mapType(k, v)

const insert = 'cel.@mapInsert'

function foldMacro(
  name: string,
  arity: number,
  fold: (offset: number, parameters: readonly Expression[]) => Fold,
): Macro {
  return {
    name,
    arity,
    member: true,
    expand(context, offset, target, parameters) {
      const message = 'argument must be a simple name'
      const variable = variableName(context, parameters[0]!, message)
      const secondVariable = variable === undefined ? undefined : variableName(context, parameters[1]!, message)
      if (variable === undefined || secondVariable === undefined) return make.literal(offset, null)
      if (variable === secondVariable) {
        return context.problem(parameters[1]!.offset, `duplicate variable name: ${variable}`)
      }
      const parts = fold(offset, parameters)
      return make.comprehension(offset, {
        range: target!,
        variable,
        secondVariable,
        accumulator: accumulatorName,
        ...parts,
      })
    },
  }
}

/** Builds a map; `entry` adds to the accumulator what one element gives. */
function mapFold(offset: number, entry: Expression, filter?: Expression): Fold {
  return {
    initial: make.map(offset, []),
    condition: make.literal(offset, true),
    step: filtered(offset, entry, filter),
    result: accumulator(offset),
  }
}

const withKey = (offset: number, key: Expression, transform: Expression): Expression =>
  make.call(offset, insert, accumulator(offset), make.identifier(offset, (key as { name: string }).name), transform)

const whole = (offset: number, transform: Expression): Expression =>
  make.call(offset, insert, accumulator(offset), transform)

function insertEntries(map: MapValue, entries: Iterable<readonly [Value, Value]>): MapValue {
  const grown = new MapOfEntries()
  for (const key of map.keys()) grown.add(key, map.get(key)!)
  for (const [key, value] of entries) {
    if (!grown.add(key, value)) throw new EvaluationError(`insert failed: key ${String(key)} already exists`)
  }
  return grown
}

export const twoVariablesLibrary: Library = {
  name: 'twoVariables',
  macros: [
    foldMacro('all', 3, (offset, [, , predicate]) => folds.all(offset, predicate!)),
    foldMacro('exists', 3, (offset, [, , predicate]) => folds.exists(offset, predicate!)),
    foldMacro('existsOne', 3, (offset, [, , predicate]) => folds.existsOne(offset, predicate!)),
    foldMacro('exists_one', 3, (offset, [, , predicate]) => folds.existsOne(offset, predicate!)),
    foldMacro('transformList', 3, (offset, [, , transform]) => folds.list(offset, transform!)),
    foldMacro('transformList', 4, (offset, [, , filter, transform]) => folds.list(offset, transform!, filter)),
    foldMacro('transformMap', 3, (offset, [key, , transform]) => mapFold(offset, withKey(offset, key!, transform!))),
    foldMacro('transformMap', 4, (offset, [key, , filter, transform]) =>
      mapFold(offset, withKey(offset, key!, transform!), filter),
    ),
    foldMacro('transformMapEntry', 3, (offset, [, , entry]) => mapFold(offset, whole(offset, entry!))),
    foldMacro('transformMapEntry', 4, (offset, [, , filter, entry]) => mapFold(offset, whole(offset, entry!), filter)),
  ],
  functions: [
    declare(
      insert,
      plain('@mapInsert_map_key_value', [mapOfKV, k, v], mapOfKV, (map: MapValue, key: Value, value: Value) =>
        insertEntries(map, [[key, value]]),
      ),
      plain('@mapInsert_map_map', [mapOfKV, mapOfKV], mapOfKV, (map: MapValue, added: MapValue) =>
        insertEntries(
          map,
          added.keys().map((key): [Value, Value] => [key, added.get(key)!]),
        ),
      ),
    ),
  ],
}
