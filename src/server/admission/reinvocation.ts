// Plugins from outside edit an object after ours have: then all are asked a second time, once. Those from outside only where
// they want that, and only when the object has changed since they saw it.

/** What is remembered of one request between its two rounds, for one plugin. */
export class Invocations {
  isSecondRound = false
  /** Called, and wanting to be called again when something changes. */
  #called = new Set<string>()
  /** To be called again. */
  readonly #wanted = new Set<string>()
  /** The object as the last call left it, as JSON. */
  #left: string | undefined

  /** Whether one is to be called now. */
  isWanted(id: string): boolean {
    return !this.isSecondRound || this.#wanted.has(id)
  }

  remember(id: string): void {
    this.#called.add(id)
  }

  /** Something was changed: all that were called before want to see it. */
  recall(): void {
    for (const id of this.#called) this.#wanted.add(id)
    this.#called = new Set()
  }

  /** Begins a round over an object: changes since the last one count. */
  begin(object: object | undefined): void {
    if (this.isSecondRound && this.#left !== undefined && JSON.stringify(object) !== this.#left) this.recall()
  }

  end(object: object | undefined): void {
    this.#left = JSON.stringify(object)
  }
}

interface Rounds {
  readonly plugins: Map<string, Invocations>
  isWanted: boolean
  isSecond: boolean
}

/** By the request itself. */
const rounds = new WeakMap<object, Rounds>()

/** What a plugin remembers of a request. */
export function invocationsOf(request: object, plugin: string): Invocations {
  let known = rounds.get(request)
  if (known === undefined) rounds.set(request, (known = { plugins: new Map(), isWanted: false, isSecond: false }))
  let own = known.plugins.get(plugin)
  if (own === undefined) known.plugins.set(plugin, (own = new Invocations()))
  own.isSecondRound = known.isSecond
  return own
}

/** Asks for a second round over all plugins. */
export function wantSecondRound(request: object): void {
  const known = rounds.get(request)
  if (known !== undefined) known.isWanted = true
}

/** Whether there is to be a second round; it begins now. */
export function beginSecondRound(request: object): boolean {
  const known = rounds.get(request)
  if (known === undefined || !known.isWanted || known.isSecond) return false
  known.isSecond = true
  return true
}
