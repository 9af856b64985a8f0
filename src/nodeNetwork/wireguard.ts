/** WireGuard: the link, of the kernel or of a process that stands in for it, and, through the program `wg`, who may send what in it. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Files } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import type { Ip } from '#lib/host/netlink.ts'
import { runChecked } from '#lib/host/process.ts'
import type { ProcessIdentity } from '#lib/host/process.ts'
import { findProgram } from '#lib/host/programs.ts'
import { canonicalIp, urlHost } from '#lib/net/ip.ts'

import type { WireguardPlan } from './plan.ts'
import { wireguardDevice } from './settings.ts'
import {
  endWireguardProcess,
  enterWireguard,
  findWireguardProcess,
  isHeldByProcess,
  startWireguardProcess,
} from './wireguardProcess.ts'
import type { WireguardPlace } from './wireguardProcess.ts'

type Answer = Readonly<Record<string, unknown>>

/** Both halves of a key of Curve25519, as `wg` writes them: base64 of 32 bytes. */
export interface WireguardKey {
  readonly secret: string
  readonly public: string
}

const base64 = (urlSafe: string): string => Buffer.from(urlSafe, 'base64url').toString('base64')

/** The key in a file, made when there is none; rejects when it holds another thing. The file holds it as PEM (PKCS #8). */
export async function ensureWireguardKey(
  files: Pick<Files, 'readText' | 'write'>,
  path: string,
): Promise<WireguardKey> {
  const known = await files.readText(path)
  const key = known === undefined ? generateKeyPairSync('x25519').privateKey : readKey(known, path)
  if (known === undefined) {
    await files.write(path, key.export({ format: 'pem', type: 'pkcs8' }) as string, { mode: 0o600, sync: true })
  }
  return {
    secret: base64(key.export({ format: 'jwk' }).d!),
    public: base64(createPublicKey(key).export({ format: 'jwk' }).x!),
  }
}

function readKey(text: string, path: string): KeyObject {
  let why: string
  try {
    const key = createPrivateKey(text)
    if (key.asymmetricKeyType === 'x25519') return key
    why = `it is of type ${key.asymmetricKeyType ?? 'unknown'}`
  } catch (error) {
    why = (error as Error).message
  }
  throw new Error(`"${path}" holds no key of Curve25519 (${why}); without the file another key is made`)
}

const endpointOf = (address: string, port: number): string => `${urlHost(canonicalIp(address) ?? address)}:${port}`

/**
 * The text for `wg syncconf`: what it does not name is taken away. A peer may send from its own pods, and nobody else. One that
 * is greeted is sent something at once.
 */
export function renderWireguard(plan: WireguardPlan, secret: string, greets = false): string {
  const lines = ['[Interface]', `PrivateKey = ${secret}`, `ListenPort = ${plan.port}`]
  for (const { publicKey, endpoint, ranges } of plan.peers) {
    lines.push('', '[Peer]', `PublicKey = ${publicKey}`, `Endpoint = ${endpointOf(endpoint, plan.port)}`)
    lines.push(`AllowedIPs = ${ranges.join(', ')}`)
    if (greets) lines.push('PersistentKeepalive = 25')
  }
  return `${lines.join('\n')}\n`
}

/**
 * Whether the link has been told all of the plan, by the answer to `wg show LINK dump`: a line of the secret, the public key and
 * the port; then for each peer its key, a shared secret, where it is reached and what it may send. To tell it once more would
 * open the port anew and take each peer's ranges away for a moment.
 */
export function isTold(dump: string, plan: WireguardPlan, secret: string): boolean {
  const [own, ...peers] = dump
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
  if (own?.[0] !== secret || own[2] !== String(plan.port)) return false
  const lineOf = (key: string, endpoint: string, ranges: readonly string[]): string =>
    [key, endpoint, ...ranges.toSorted()].join(' ')
  const told = peers.map(([key = '', , endpoint = '', ranges = '']) => lineOf(key, endpoint, ranges.split(',')))
  const wanted = plan.peers.map(({ publicKey, endpoint, ranges }) =>
    lineOf(publicKey, endpointOf(endpoint, plan.port), ranges),
  )
  return told.toSorted().join('\n') === wanted.toSorted().join('\n')
}

/** What there is of the link. */
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

export interface WireguardOptions extends WireguardPlace {
  readonly host: Pick<Host, 'ip' | 'processes' | 'files' | 'clock'>
  /** The file with this node's key; the text for `wg` is written beside it. */
  readonly keyFile: string
}

/** Resolves with the process that holds the link; nothing where the kernel does. */
export async function applyWireguard(
  options: WireguardOptions,
  plan: WireguardPlan | undefined,
  signal?: AbortSignal,
): Promise<ProcessIdentity | undefined> {
  const { host, namespaceFile } = options
  const ip = host.ip(namespaceFile)
  let state = await readWireguard(ip, signal)
  if (plan === undefined) {
    await ip.batch(planWireguardLink(state, plan), signal)
    if (isHeldByProcess(state.link)) await endWireguardProcess(options)
    return undefined
  }
  if ((await findProgram(host, 'wg')) === undefined)
    throw new Error(
      'wg, by which WireGuard is told of its peers, is not installed: install the package wireguard-tools',
    )
  let running = isHeldByProcess(state.link) ? await findWireguardProcess(options) : undefined
  if (isHeldByProcess(state.link) && running === undefined) {
    // Somebody else's link of this name.
    await ip.batch(planWireguardLink(state, undefined), signal)
    state = { addresses: [] }
  }
  const isNew = state.link === undefined
  try {
    await ip.batch(planWireguardLink(state, plan), signal)
  } catch (error) {
    if (!String((error as Error).message).includes('Unknown device type')) throw error
    await endWireguardProcess(options)
    running = await startWireguardProcess(options, signal)
    await ip.batch(planWireguardLink(await readWireguard(ip, signal), plan), signal)
  }
  await tellPeers(options, { isProcess: running !== undefined, isNew }, plan, signal)
  return running
}

async function tellPeers(
  options: WireguardOptions,
  { isProcess, isNew }: { readonly isProcess: boolean; readonly isNew: boolean },
  plan: WireguardPlan,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { host, keyFile } = options
  const wg = (...words: readonly string[]): Promise<string> =>
    runChecked(host.processes, enterWireguard(options, isProcess, ['wg', ...words]), {}, signal)
  const { secret } = await ensureWireguardKey(host.files, keyFile)
  if (isTold(await wg('show', wireguardDevice, 'dump'), plan, secret)) return
  const file = `${keyFile}.conf`
  // Peers that knew this node before it lost what it had agreed with them would find out after 15 s.
  for (const greets of isNew ? [true, false] : [false]) {
    await host.files.write(file, renderWireguard(plan, secret, greets), { mode: 0o600 })
    await wg('syncconf', wireguardDevice, file)
  }
}
