import { messageOf } from '#lib/errorText.ts'
import type { Counter, Gauge, MetricRegistry } from '#lib/metrics.ts'
import type { Store } from '#storage/store.ts'

/** One thing that must be well. Resolves with nothing, or with what is wrong. */
export interface HealthCheck {
  readonly name: string
  /** Which of the three questions it answers: alive, ready to serve, or both (`healthz` asks all that `livez` does). */
  readonly of: readonly ('livez' | 'readyz')[]
  run(): undefined | string | Promise<undefined | string>
}

export interface HealthAnswer {
  readonly ok: boolean
  readonly text: string
}

/** Says whether the server is well, by named checks. */
export class Health {
  readonly #checks: readonly HealthCheck[]
  readonly #last: Gauge
  readonly #total: Counter

  constructor(checks: readonly HealthCheck[], metrics: MetricRegistry) {
    this.#checks = checks
    this.#last = metrics.gauge({
      name: 'kubernetes_healthcheck',
      help: 'This metric records the result of a single healthcheck.',
      labels: ['name', 'type'],
    })
    this.#total = metrics.counter({
      name: 'kubernetes_healthchecks_total',
      help: 'This metric records the results of all healthcheck.',
      labels: ['name', 'status', 'type'],
    })
  }

  /** The names of the checks behind one question. */
  names(endpoint: 'healthz' | 'livez' | 'readyz'): string[] {
    return this.#of(endpoint).map(({ name }) => name)
  }

  /** Runs the checks of one question, but for those left out. Undefined: there is no check of this name. */
  async ask(
    endpoint: 'healthz' | 'livez' | 'readyz',
    options: { readonly only?: string; readonly exclude: readonly string[]; readonly verbose: boolean },
  ): Promise<HealthAnswer | undefined> {
    const all = this.#of(endpoint)
    if (options.only !== undefined) {
      const check = all.find(({ name }) => name === options.only)
      if (check === undefined) return undefined
      const problem = await this.#run(check, endpoint)
      return problem === undefined
        ? { ok: true, text: 'ok' }
        : { ok: false, text: `internal server error: ${problem}\n` }
    }
    const lines: string[] = []
    let ok = true
    for (const check of all) {
      const { name } = check
      if (options.exclude.includes(name)) {
        lines.push(`[+]${name} excluded: ok`)
        continue
      }
      const problem = await this.#run(check, endpoint)
      if (problem !== undefined) ok = false
      lines.push(problem === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`)
    }
    const unknown = new Set(options.exclude.filter((name) => !all.some((check) => check.name === name)))
    if (unknown.size > 0) {
      const list = [...unknown]
        .sort()
        .map((name) => JSON.stringify(name))
        .join(',')
      lines.push(`warn: some health checks cannot be excluded: no matches for ${list}`)
    }
    if (ok && !options.verbose) return { ok, text: 'ok' }
    lines.push(`${endpoint} check ${ok ? 'passed' : 'failed'}`)
    return { ok, text: `${lines.join('\n')}\n` }
  }

  async #run({ name, run }: HealthCheck, endpoint: string): Promise<string | undefined> {
    const problem = await run()
    this.#last.with(name, endpoint).set(problem === undefined ? 1 : 0)
    this.#total.with(name, problem === undefined ? 'success' : 'error', endpoint).inc()
    return problem
  }

  #of(endpoint: 'healthz' | 'livez' | 'readyz'): readonly HealthCheck[] {
    const asked = endpoint === 'healthz' ? 'livez' : endpoint
    return this.#checks.filter(({ of }) => of.includes(asked))
  }
}

/** What keeps a store from answering; undefined when it does. */
export async function storeProblem(store: Store): Promise<string | undefined> {
  try {
    await store.revision()
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}
