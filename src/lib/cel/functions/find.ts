/** The parts of a text that a regular expression matches. */
import { declare, member, type Library } from '../declarations.ts'
import { regexCost } from '../estimates.ts'
import { linearRegExp, type LinearRegExp } from '../../linearRegExp.ts'
import { intType, listType, stringType } from '../types.ts'
import { EvaluationError, List, type Int, type Value } from '../values.ts'

function compiled(pattern: string): LinearRegExp {
  const regex = linearRegExp(pattern)
  if ('problem' in regex) throw new EvaluationError(`Illegal regex: ${regex.problem}`)
  return regex
}

function findAll(text: string, pattern: string, most: Int = -1): Value {
  return new List(compiled(pattern).findAll(text, most < 0 ? Infinity : Number(most)))
}

const cost = regexCost(true)

export const findLibrary: Library = {
  name: 'find',
  functions: [
    declare(
      'find',
      member(
        'string_find_string',
        [stringType, stringType],
        stringType,
        (text: string, pattern: string) => compiled(pattern).findAll(text, 1)[0] ?? '',
        cost,
      ),
    ),
    declare(
      'findAll',
      member('string_find_all_string', [stringType, stringType], listType(stringType), findAll, cost),
      member('string_find_all_string_int', [stringType, stringType, intType], listType(stringType), findAll, cost),
    ),
  ],
}
