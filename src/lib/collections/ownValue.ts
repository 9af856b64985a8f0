/** What a record holds under a key that a person chose: `constructor` and `__proto__` are keys like any other. */
export function ownValue<V>(record: Readonly<Record<string, V>> | undefined, key: string): V | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined
}
