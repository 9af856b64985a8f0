/** How the pods of different nodes reach each other. */

/**
 * - `auto`: by plain routes where nodes share a link, in VXLAN elsewhere.
 * - `routes`: by plain routes alone; nodes that share no link do not reach each other's pods.
 * - `vxlan`: in VXLAN (RFC 7348) between all nodes.
 * - `wireguard`: encrypted by WireGuard between all nodes.
 */
export type Between = 'auto' | 'routes' | 'vxlan' | 'wireguard'

export const betweenChoices: readonly Between[] = ['auto', 'routes', 'vxlan', 'wireguard']

export interface TunnelSettings {
  /** The network identifier of VXLAN, 24 bits. */
  readonly vxlanId: number
  /** The UDP port of VXLAN on every node. */
  readonly vxlanPort: number
  /** The UDP port of WireGuard on every node. */
  readonly wireguardPort: number
}

/** The port is the kernel's own, which other network plugins use too; the identifier is not one of theirs. */
export const usualTunnels: TunnelSettings = { vxlanId: 89, vxlanPort: 8472, wireguardPort: 51_820 }

/** The links that hold tunnels, by which they are known again. */
export const vxlanDevice = 'k8ts-vxlan'
export const wireguardDevice = 'k8ts-wireguard'

/** Bytes that a packet grows by: the outer IP and UDP headers, and those of VXLAN with Ethernet or of WireGuard. */
export const overhead = {
  vxlan: { 4: 50, 6: 70 },
  wireguard: { 4: 60, 6: 80 },
} as const

/** With which a node tells the others its public key. */
export const publicKeyAnnotation = 'k8ts.dev/wireguard-public-key'
