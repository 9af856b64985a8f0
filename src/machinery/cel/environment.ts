/** What expressions of Kubernetes v1.34 may use, wherever they stand, and how much they may cost. */
import { Environment, type EnvironmentOptions } from '#lib/cel/environment.ts'
import { kubernetesLibraries } from '#lib/cel/functions/index.ts'
import { compile, type CompileResult } from '#lib/cel/program.ts'
import { namedFormatsLibrary } from './namedFormats.ts'
import { quantitiesLibrary } from './quantities.ts'

/** What one expression may cost. Source: apiserver, pkg/apis/cel/config.go, as all limits here. */
export const callLimit = 1_000_000
/** What all rules of one custom object may cost together. */
export const objectLimit = 10_000_000
/** What all expressions of one policy may cost for one request. */
export const policyLimit = 10_000_000
/** What all match conditions of one webhook or policy may cost for one request. */
export const matchConditionsLimit = 2_500_000
/** Longer messages that expressions make are not used. */
export const longestMessage = 5 * 1024

let base: Environment | undefined

/** The environment that all others extend. Made at the first call. */
export function kubernetesEnvironment(): Environment {
  return (base ??= new Environment({
    libraries: [...kubernetesLibraries, quantitiesLibrary, namedFormatsLibrary],
    homogeneous: true,
    checkLiterals: true,
  }))
}

/** Environments by what they declare, and expressions by their text: policies are compiled once, however often they are read. */
export class ExpressionCache {
  readonly environment: Environment
  readonly #compiled = new Map<string, CompileResult>()

  constructor(options: EnvironmentOptions) {
    this.environment = kubernetesEnvironment().extend(options)
  }

  compile(text: string): CompileResult {
    let result = this.#compiled.get(text)
    if (result === undefined) {
      if (this.#compiled.size >= mostKept) this.#compiled.clear()
      result = compile(this.environment, text)
      this.#compiled.set(text, result)
    }
    return result
  }
}

const mostKept = 1_000
