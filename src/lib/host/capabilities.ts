/** Bits of capabilities(7). */
const netAdmin = 12n
const sysAdmin = 21n
const sysResource = 24n

/** Whether a process may protect others from the out-of-memory killer, by its `/proc/<pid>/status`. */
export const mayLowerOomScore = (status: string): boolean => has(status, sysResource)

/** Whether a process may make namespaces and what is in them; root may not in most containers. */
export const mayMakeNamespaces = (status: string): boolean => has(status, sysAdmin) && has(status, netAdmin)

function has(status: string, capability: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n
}
