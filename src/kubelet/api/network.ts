/** What went through one interface. */
export interface InterfaceStats {
  readonly name: string
  readonly rxBytes: number
  readonly rxPackets: number
  readonly rxErrors: number
  readonly rxDropped: number
  readonly txBytes: number
  readonly txPackets: number
  readonly txErrors: number
  readonly txDropped: number
}

/** Reads the text of /proc/PID/net/dev; the loopback interface is nobody's business. */
export function parseNetworkDevices(text: string): readonly InterfaceStats[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*([^\s:]+):\s*(.*)$/.exec(line)
    if (match === null || match[1] === 'lo') return []
    const numbers = match[2]!.trim().split(/\s+/).map(Number)
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0] = numbers
    const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = numbers.slice(8)
    return [{ name: match[1]!, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }]
  })
}

/** Interfaces as `/stats/summary` tells them: the first of those that pods and nodes have stands for all. */
export function networkSummary(time: string, interfaces: readonly InterfaceStats[]): object | undefined {
  const usual = interfaces.find(({ name }) => name === 'eth0') ?? interfaces[0]
  if (usual === undefined) return undefined
  const told = ({ name, rxBytes, rxErrors, txBytes, txErrors }: InterfaceStats) => ({
    name,
    rxBytes,
    rxErrors,
    txBytes,
    txErrors,
  })
  return { time, ...told(usual), interfaces: interfaces.map(told) }
}
