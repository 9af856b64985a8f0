/** A type without what may be `undefined`: such members are absent instead, at every depth. */
export type WithoutAbsent<T> = T extends (infer E)[]
  ? WithoutAbsent<E>[]
  : T extends readonly (infer E)[]
    ? readonly WithoutAbsent<E>[]
    : T extends object
      ? { readonly [K in keyof T as undefined extends T[K] ? never : K]: WithoutAbsent<T[K]> } & {
          readonly [K in keyof T as undefined extends T[K] ? K : never]?: WithoutAbsent<Exclude<T[K], undefined>>
        }
      : T

/** A value that was read from a file without the members that it does not say, at every depth. */
export function withoutAbsent<T>(value: T): WithoutAbsent<T> {
  return pruned(value) as WithoutAbsent<T>
}

function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned)
  if (typeof value !== 'object' || value === null) return value
  const said = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(said.map(([key, each]) => [key, pruned(each)]))
}
