/** Amounts as values: `quantity('1Gi').isGreaterThan(quantity('500Mi'))`. */
import { declare, member, plain, type Library } from '#lib/cel/declarations.ts'
import { fixedCost, traversalCost } from '#lib/cel/estimates.ts'
import { boolType, doubleType, intType, opaqueType } from '#lib/cel/types.ts'
import { stringType } from '#lib/cel/types.ts'
import { Double, EvaluationError, OpaqueValue, smallest, type Int } from '#lib/cel/values.ts'
import { canonicalQuantity, mustParseQuantity } from '#machinery/quantity.ts'

/** An amount, as the language sees it. */
export const quantityType = opaqueType('kubernetes.Quantity')

const nanosPerUnit = 1_000_000_000n

class QuantityAmount extends OpaqueValue {
  readonly type = quantityType
  readonly nanos: bigint

  constructor(nanos: bigint) {
    super()
    this.nanos = nanos
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof QuantityAmount && this.nanos === other.nanos
  }

  compare({ nanos }: QuantityAmount): number {
    return this.nanos < nanos ? -1 : Number(this.nanos > nanos)
  }

  get isInteger(): boolean {
    const units = this.nanos / nanosPerUnit
    return this.nanos % nanosPerUnit === 0n && units >= -(1n << 63n) && units < 1n << 63n
  }
}

function quantityOf(text: string): QuantityAmount {
  const canonical = canonicalQuantity(text)
  if (typeof canonical !== 'string') throw new EvaluationError(canonical.problem)
  return new QuantityAmount(mustParseQuantity(canonical).nanos)
}

function integerOf(amount: QuantityAmount): Int {
  if (!amount.isInteger) throw new EvaluationError('cannot convert value to integer')
  return smallest(amount.nanos / nanosPerUnit)
}

const constant = fixedCost(1)
const two = [quantityType, quantityType]
const withInt = [quantityType, intType]

const sum = (a: QuantityAmount, b: QuantityAmount): QuantityAmount => new QuantityAmount(a.nanos + b.nanos)
const difference = (a: QuantityAmount, b: QuantityAmount): QuantityAmount => new QuantityAmount(a.nanos - b.nanos)
const units = (count: Int): QuantityAmount => new QuantityAmount(BigInt(count) * nanosPerUnit)

export const quantitiesLibrary: Library = {
  name: 'quantities',
  types: [quantityType],
  functions: [
    declare('quantity', plain('string_to_quantity', [stringType], quantityType, quantityOf, traversalCost(0))),
    declare(
      'isQuantity',
      plain(
        'is_quantity_string',
        [stringType],
        boolType,
        (text: string) => typeof canonicalQuantity(text) === 'string',
        traversalCost(0),
      ),
    ),
    declare(
      'sign',
      plain(
        'quantity_sign',
        [quantityType],
        intType,
        ({ nanos }: QuantityAmount) => (nanos < 0n ? -1 : Number(nanos > 0n)),
        constant,
      ),
      member(
        'quantity_get_sign',
        [quantityType],
        intType,
        ({ nanos }: QuantityAmount) => (nanos < 0n ? -1 : Number(nanos > 0n)),
        constant,
      ),
    ),
    declare(
      'isGreaterThan',
      member(
        'quantity_is_greater_than',
        two,
        boolType,
        (a: QuantityAmount, b: QuantityAmount) => a.compare(b) > 0,
        constant,
      ),
    ),
    declare(
      'isLessThan',
      member(
        'quantity_is_less_than',
        two,
        boolType,
        (a: QuantityAmount, b: QuantityAmount) => a.compare(b) < 0,
        constant,
      ),
    ),
    declare(
      'compareTo',
      member('quantity_compare_to', two, intType, (a: QuantityAmount, b: QuantityAmount) => a.compare(b), constant),
    ),
    declare(
      'asApproximateFloat',
      member(
        'quantity_get_float',
        [quantityType],
        doubleType,
        ({ nanos }: QuantityAmount) => new Double(Number(nanos) / 1e9),
        constant,
      ),
    ),
    declare('asInteger', member('quantity_get_int', [quantityType], intType, integerOf, constant)),
    declare(
      'isInteger',
      member('quantity_is_integer', [quantityType], boolType, ({ isInteger }: QuantityAmount) => isInteger, constant),
    ),
    declare(
      'add',
      member('quantity_add', two, quantityType, sum, constant),
      member(
        'quantity_add_int',
        withInt,
        quantityType,
        (a: QuantityAmount, count: Int) => sum(a, units(count)),
        constant,
      ),
    ),
    declare(
      'sub',
      member('quantity_sub', two, quantityType, difference, constant),
      member(
        'quantity_sub_int',
        withInt,
        quantityType,
        (a: QuantityAmount, count: Int) => difference(a, units(count)),
        constant,
      ),
    ),
  ],
}
