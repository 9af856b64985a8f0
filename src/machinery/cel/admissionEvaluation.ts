/** Evaluating the expressions of one policy, or of match conditions, for one request. */
import {
  authorizerValue,
  resourceCheckValue,
  type AccessQuestion,
  type DecideAccess,
} from '#lib/cel/functions/authorizer.ts'
import { fromJson } from '#lib/cel/json.ts'
import { evaluate } from '#lib/cel/program.ts'
import { EvaluationError, MapValue, type Value } from '#lib/cel/values.ts'
import { namespaceType, PolicyCompiler, requestType, type CompiledExpression } from './admissionEnvironment.ts'
import { callLimit, matchConditionsLimit } from './environment.ts'
import { typedValue } from './typedValue.ts'

/** What a request is, as expressions see it. All as JSON; null where there is none. */
export interface AdmissionInput {
  readonly object: unknown
  readonly oldObject: unknown
  /** The fields of an AdmissionRequest (admission.k8s.io/v1) that expressions may read. */
  readonly request: object
  readonly namespaceObject: unknown
  readonly params?: unknown
  /** Asked what the caller may do; absent where expressions have no authorizer. */
  readonly decide?: DecideAccess
  /** What the request is about, as `authorizer.requestResource` has it. */
  readonly asked?: Partial<AccessQuestion>
}

/** Everything together cost too much; nothing more is evaluated. */
export class OutOfBudget extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run')
  }
}

export type Result = { readonly value: Value } | { readonly error: string }

/** The expressions of one policy for one request and one object of parameters, with a budget for all of them. */
export class AdmissionEvaluation {
  readonly #variables: Record<string, Value>
  #budget: number
  /** What variables have cost since somebody looked. */
  #pending = 0

  constructor(input: AdmissionInput, variables: ReadonlyMap<string, CompiledExpression>, budget: number) {
    this.#budget = budget
    const { decide } = input
    this.#variables = {
      object: fromJson(input.object ?? null),
      oldObject: fromJson(input.oldObject ?? null),
      request: typedValue(requestType, input.request),
      namespaceObject:
        input.namespaceObject === undefined || input.namespaceObject === null
          ? null
          : typedValue(namespaceType, input.namespaceObject),
      params: fromJson(input.params ?? null),
      ...(decide === undefined
        ? {}
        : {
            authorizer: authorizerValue(decide),
            'authorizer.requestResource': resourceCheckValue(decide, input.asked ?? {}),
          }),
    }
    this.#variables['variables'] = new LazyVariables(variables, (name, compiled) => this.#variable(name, compiled))
  }

  /** Throws OutOfBudget. */
  evaluate({ text, program, problem }: CompiledExpression): Result {
    if (program === undefined) return { error: `compilation error: ${problem}` }
    const outcome = evaluate(program, this.#variables, callLimit)
    this.#budget -= outcome.cost + this.#pending
    this.#pending = 0
    if (this.#budget < 0) throw new OutOfBudget()
    return 'error' in outcome ? { error: `expression '${text}' resulted in error: ${outcome.error}` } : outcome
  }

  #variable(name: string, { program, problem }: CompiledExpression): Value {
    if (program === undefined) {
      throw new EvaluationError(`composited variable ${JSON.stringify(name)} fails to compile: ${problem}`)
    }
    const outcome = evaluate(program, this.#variables, callLimit)
    this.#pending += outcome.cost
    if ('value' in outcome) return outcome.value
    throw new EvaluationError(`composited variable ${JSON.stringify(name)} fails to evaluate: ${outcome.error}`)
  }
}

/** `variables`: each is evaluated when it is first read, and once. */
class LazyVariables extends MapValue {
  readonly #compiled: ReadonlyMap<string, CompiledExpression>
  readonly #evaluate: (name: string, compiled: CompiledExpression) => Value
  readonly #known = new Map<string, Value | EvaluationError>()

  constructor(
    compiled: ReadonlyMap<string, CompiledExpression>,
    evaluateOne: (name: string, compiled: CompiledExpression) => Value,
  ) {
    super()
    this.#compiled = compiled
    this.#evaluate = evaluateOne
  }

  get size(): number {
    return this.#compiled.size
  }

  get(key: Value): Value | undefined {
    const compiled = typeof key === 'string' ? this.#compiled.get(key) : undefined
    if (compiled === undefined) return undefined
    const name = key as string
    let value = this.#known.get(name)
    if (value === undefined) {
      try {
        value = this.#evaluate(name, compiled)
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error
        value = error
      }
      this.#known.set(name, value)
    }
    if (value instanceof EvaluationError) throw value
    return value
  }

  override has(key: Value): boolean {
    return typeof key === 'string' && this.#compiled.has(key)
  }

  keys(): readonly Value[] {
    return [...this.#compiled.keys()]
  }
}

/** What conditions say: whether they hold; or why that cannot be told. */
export type MatchResult = { readonly matches: boolean } | { readonly error: string }

/** Compiles conditions of a webhook or policy. */
export function compileConditions(
  conditions: readonly { readonly expression: string }[],
  hasParams = false,
): readonly CompiledExpression[] {
  const compiler = new PolicyCompiler({ hasParams })
  return conditions.map(({ expression }) => compiler.compile(expression))
}

/** Whether all conditions hold. One that is false decides, whatever is wrong with others. */
export function evaluateConditions(compiled: readonly CompiledExpression[], input: AdmissionInput): MatchResult {
  if (compiled.length === 0) return { matches: true }
  const evaluation = new AdmissionEvaluation(input, new Map(), matchConditionsLimit)
  const errors: string[] = []
  try {
    for (const each of compiled) {
      const result = evaluation.evaluate(each)
      if ('error' in result) errors.push(result.error)
      else if (result.value === false) return { matches: false }
    }
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error
    return { error: error.message }
  }
  if (errors.length === 0) return { matches: true }
  return { error: errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]` }
}
