/** WireGuard: the kernel's link and, through the program `wg`, who may send what in it. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { Files } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import type { Ip } from '#lib/host/netlink.ts'
import { runChecked } from '#lib/host/process.ts'
import { urlHost } from '#lib/net/ip.ts'

import type { WireguardPlan } from './plan.ts'
import { wireguardDevice } from './settings.ts'

type Answer = Readonly<Record<string, unknown>>

/** Both halves of a key of Curve25519, as `wg` writes them: base64 of 32 bytes. */
export interface WireguardKey {
  readonly secret: string
  readonly public: string
}

const base64 = (urlSafe: string): string => Buffer.from(urlSafe, 'base64url').toString('base64')

/** The key in a file, made when there is none. The file holds it as PEM (PKCS #8). */
export async function ensureWireguardKey(
  files: Pick<Files, 'readText' | 'write'>,
  path: string,
): Promise<WireguardKey> {
  const known = await files.readText(path)
  const key = known === undefined ? generateKeyPairSync('x25519').privateKey : createPrivateKey(known)
  if (known === undefined) {
    await files.write(path, key.export({ format: 'pem', type: 'pkcs8' }) as string, { mode: 0o600, sync: true })
  }
  return {
    secret: base64(key.export({ format: 'jwk' }).d!),
    public: base64(createPublicKey(key).export({ format: 'jwk' }).x!),
  }
}

/** The text for `wg syncconf`: what it does not name is taken away. A peer may send from its own pods, and nobody else. */
export function renderWireguard(plan: WireguardPlan, secret: string): string {
  const lines = ['[Interface]', `PrivateKey = ${secret}`, `ListenPort = ${plan.port}`]
  for (const { publicKey, endpoint, ranges } of plan.peers) {
    lines.push('', '[Peer]', `PublicKey = ${publicKey}`, `Endpoint = ${urlHost(endpoint)}:${plan.port}`)
    lines.push(`AllowedIPs = ${ranges.join(', ')}`)
  }
  return `${lines.join('\n')}\n`
}

/** What the kernel has of the link. */
export interface WireguardState {
  readonly link?: Answer
  readonly addresses: readonly string[]
}

/** The `ip` commands that lead from what there is to the plan; without a plan the link goes. */
export function planWireguardLink({ link, addresses }: WireguardState, plan: WireguardPlan | undefined): string[] {
  if (plan === undefined) return link === undefined ? [] : [`link delete ${wireguardDevice}`]
  const nodad = (address: string): string => (address.includes(':') ? ' nodad' : '')
  return [
    ...(link === undefined ? [`link add ${wireguardDevice} mtu ${plan.mtu} type wireguard`] : []),
    ...(link !== undefined && link.mtu !== plan.mtu ? [`link set ${wireguardDevice} mtu ${plan.mtu}`] : []),
    `link set ${wireguardDevice} up`,
    ...addresses
      .filter((address) => !plan.addresses.includes(address))
      .map((address) => `address delete ${address} dev ${wireguardDevice}`),
    ...plan.addresses
      .filter((address) => !addresses.includes(address))
      .map((address) => `address add ${address} dev ${wireguardDevice}${nodad(address)}`),
  ]
}

async function readWireguard(ip: Ip, signal?: AbortSignal): Promise<WireguardState> {
  const link = (await ip.show(['address', 'show'], signal)).find(({ ifname }) => ifname === wireguardDevice)
  if (link === undefined) return { addresses: [] }
  const all = (link.addr_info ?? []) as { local: string; prefixlen: number; scope: string }[]
  return {
    link,
    addresses: all.filter(({ scope }) => scope === 'global').map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  }
}

export interface WireguardOptions {
  readonly host: Pick<Host, 'ip' | 'processes' | 'files'>
  readonly namespaceFile?: string | undefined
  /** The file with this node's key; the text for `wg` is written beside it. */
  readonly keyFile: string
}

export async function applyWireguard(
  { host, namespaceFile, keyFile }: WireguardOptions,
  plan: WireguardPlan | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const ip = host.ip(namespaceFile)
  try {
    await ip.batch(planWireguardLink(await readWireguard(ip, signal), plan), signal)
  } catch (error) {
    if (!String((error as Error).message).includes('Unknown device type')) throw error
    throw new Error('the kernel of this node has no WireGuard; set between to "auto" or "vxlan"', { cause: error })
  }
  if (plan === undefined) return
  const key = await ensureWireguardKey(host.files, keyFile)
  const file = `${keyFile}.conf`
  await host.files.write(file, renderWireguard(plan, key.secret), { mode: 0o600 })
  const inside = namespaceFile === undefined ? [] : ['nsenter', `--net=${namespaceFile}`]
  await runChecked(host.processes, [...inside, 'wg', 'syncconf', wireguardDevice, file], {}, signal)
}
