/** CAP_SYS_RESOURCE, which makes a process free to protect others from the out-of-memory killer. */
const sysResource = 24n

/** Whether a process may do so, by its `/proc/<pid>/status`. */
export function mayLowerOomScore(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  return ((BigInt(`0x${effective}`) >> sysResource) & 1n) === 1n
}
