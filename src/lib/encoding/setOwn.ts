/** Sets an own member even when the key is `__proto__`, which plain assignment would take for the prototype. */
export function setOwn<V>(object: Record<string, V>, key: string, value: V): void {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}
