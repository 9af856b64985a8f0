// Prometheus' text form for figures that carry the moment at which they were read: `lib/metrics.ts` has none of these.

/** One family of figures. */
export class TextFamily {
  readonly #name: string
  readonly #help: string
  readonly #type: 'counter' | 'gauge'
  readonly #lines: string[] = []

  constructor(name: string, help: string, type: 'counter' | 'gauge') {
    this.#name = name
    this.#help = help
    this.#type = type
  }

  /** Adds a figure; `labels` as they are written between the braces, empty for none. */
  add(labels: string, value: number, at?: number): void {
    const place = labels === '' ? '' : `{${labels}}`
    this.#lines.push(`${this.#name}${place} ${value}${at === undefined ? '' : ` ${at}`}`)
  }

  /** Its lines; none of a family without figures. */
  lines(): readonly string[] {
    if (this.#lines.length === 0) return []
    return [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} ${this.#type}`, ...this.#lines]
  }
}

/** A value as it stands within quotes. */
export function labelText(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Families as one text, in the order of their names. */
export function familiesText(families: readonly TextFamily[]): string {
  return families.flatMap((family) => family.lines()).join('\n')
}
