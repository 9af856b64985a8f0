// The processes of the crash test of the example operator: an API server, two instances, and what plays their service.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { HttpsTransportOptions } from '#client/https.ts'
import { systemClock } from '#lib/clock.ts'
import {
  certificatePem,
  createAuthority,
  generateKey,
  issueCertificate,
  privateKeyPem,
  type CertificateTemplate,
} from '#lib/pki/certificate.ts'

/** A process of ours; what it says on its standard output is waited for line by line. */
export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  errors = ''
  #said = ''
  readonly #waiting = new Set<() => void>()

  /** `folder` is the first argument; it also keeps what was compiled, so that the next start is quicker. */
  constructor(
    file: string,
    folder: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.process = spawn(process.execPath, [join(import.meta.dirname, file), folder, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled'), ...environment },
    })
    this.process.stdout!.on('data', (piece: Buffer) => {
      this.#said += piece.toString()
      for (const look of this.#waiting) look()
    })
    this.process.stderr!.on('data', (piece: Buffer) => (this.errors += piece.toString()))
    this.ended = once(this.process, 'close').then(([code, signal]) => {
      for (const look of this.#waiting) look()
      return { code: code as number | null, signal: signal as string | null }
    })
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  hasSaid(line: string): boolean {
    return this.#said.split('\n').includes(line)
  }

  /** Whether it says so before it ends. */
  async says(line: string): Promise<boolean> {
    return await new Promise((resolve) => {
      const look = (): void => {
        if (!this.hasSaid(line) && this.isRunning) return
        this.#waiting.delete(look)
        resolve(this.hasSaid(line))
      }
      this.#waiting.add(look)
      look()
    })
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<{ readonly code: number | null; readonly signal: string | null }> {
    this.process.kill(signal)
    return await this.ended
  }
}

/** A port of the loopback interface that nobody uses. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Writes the certificates of a server, and makes connections and kubeconfigs for users of it. */
export function prepareFolder(folder: string, port: number) {
  const validity = { notBefore: systemClock.now() - 300_000, notAfter: systemClock.now() + 24 * 3_600_000 }
  const authority = createAuthority({ commonName: 'test' }, validity)
  const issue = (template: Omit<CertificateTemplate, 'publicKey' | 'notBefore' | 'notAfter'>) => {
    const { publicKey, privateKey } = generateKey()
    const certificate = issueCertificate(authority, { ...template, ...validity, publicKey })
    return { certificate: certificatePem(certificate), key: privateKeyPem(privateKey) }
  }
  mkdirSync(join(folder, 'store'))
  const server = issue({ subject: { commonName: 'server' }, addresses: ['127.0.0.1'], extendedUsages: ['serverAuth'] })
  writeFileSync(join(folder, 'ca.crt'), certificatePem(authority.certificate))
  writeFileSync(join(folder, 'server.crt'), server.certificate)
  writeFileSync(join(folder, 'server.key'), server.key)
  const url = `https://127.0.0.1:${port}`
  const user = (name: string, groups: readonly string[]) =>
    issue({ subject: { commonName: name, organizations: groups }, extendedUsages: ['clientAuth'] })
  return {
    connection: (name: string, groups: readonly string[]): HttpsTransportOptions => ({
      url,
      tls: { authority: certificatePem(authority.certificate), ...user(name, groups) },
    }),
    /** Returns the path of the file. */
    kubeconfig(name: string, groups: readonly string[]): string {
      const base64 = (text: string): string => Buffer.from(text).toString('base64')
      const { certificate, key } = user(name, groups)
      const config = {
        'current-context': 'test',
        clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': 'ca.crt' } }],
        contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
        users: [{ name, user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } }],
      }
      const path = join(folder, `${name}.kubeconfig`)
      writeFileSync(path, JSON.stringify(config))
      return path
    },
  }
}

/** Plays a service: hands connections on to whichever of the ports answers, taking turns. */
export class Forwarder implements AsyncDisposable {
  readonly #ports: readonly number[]
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #turn = 0

  constructor(ports: readonly number[]) {
    this.#ports = ports
    this.#server = createServer((socket) => {
      this.#keep(socket)
      this.#connect(socket, this.#turn++, this.#ports.length)
    })
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #connect(socket: Socket, turn: number, left: number): void {
    if (left === 0) return void socket.destroy()
    const onward = connect(this.#ports[turn % this.#ports.length]!, '127.0.0.1')
    onward.once('error', () => {
      if (onward.pending) this.#connect(socket, turn + 1, left - 1)
    })
    onward.once('connect', () => {
      this.#keep(onward)
      socket.pipe(onward).pipe(socket)
      socket.once('close', () => onward.destroy())
      onward.once('close', () => socket.destroy())
    })
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

/** How an instance came to its end; `lasted`: it was there until the end of the test. */
export type Fate = 'running' | 'killed' | 'paused' | 'stopped' | 'deposed' | 'lasted'

/** Instances of the operator; one that ends by itself is started anew, as a Deployment would. */
export class Instances {
  /** Every instance that ever was, by identity. */
  readonly all = new Map<string, { readonly child: Child; fate: Fate }>()
  readonly problems: string[] = []
  readonly #present: string[] = []
  readonly #start: (identity: string, place: number) => Child
  #isStopping = false
  /** Asked after anything happened to an instance. */
  readonly #watching = new Set<() => void>()

  constructor(start: (identity: string, place: number) => Child, places: number) {
    this.#start = start
    for (let place = 0; place < places; place++) this.#begin(place)
  }

  #begin(place: number): void {
    const identity = `operator-${this.all.size + 1}`
    const child = this.#start(identity, place)
    const entry: NonNullable<ReturnType<typeof this.all.get>> = { child, fate: 'running' }
    this.all.set(identity, entry)
    this.#present[place] = identity
    void child.says('leads').then(() => this.#tell())
    void child.ended.then(({ code }) => {
      if (entry.fate === 'running' || entry.fate === 'paused') {
        // It lost its lease and says so: that is how it is meant to end. Anything else is a bug.
        if (code !== 1 || !child.errors.includes('Lost the lease')) this.problems.push(`${identity}: ${child.errors}`)
        if (entry.fate === 'running') entry.fate = 'deposed'
      }
      if (!this.#isStopping) this.#begin(place)
      this.#tell()
    })
  }

  /** The instance that said last that it leads and still runs. */
  get leader(): string | undefined {
    return this.#present.findLast((identity) => {
      const { child, fate } = this.all.get(identity)!
      return fate === 'running' && child.isRunning && child.hasSaid('leads')
    })
  }

  /** Waits until an instance leads, another than `than`. */
  async nextLeader(than?: string): Promise<string> {
    return await new Promise((resolve) => {
      const look = (): void => {
        const { leader } = this
        if (leader === undefined || leader === than) return
        this.#watching.delete(look)
        resolve(leader)
      }
      this.#watching.add(look)
      look()
    })
  }

  /** Ends an instance, or halts it until `resume`; false when it had ended by itself before. */
  async disturb(identity: string, how: 'killed' | 'stopped' | 'paused' | 'lasted'): Promise<boolean> {
    const entry = this.all.get(identity)!
    entry.fate = how
    if (how === 'paused') {
      // On the brink of an action, which it is about to take up again when its term is over.
      entry.child.process.kill('SIGUSR2')
      return (await entry.child.says('on the brink')) && entry.child.process.kill('SIGSTOP')
    }
    await entry.child.end(how === 'killed' ? 'SIGKILL' : 'SIGTERM')
    return true
  }

  /** Lets a halted instance go on, and waits until it has found out that it leads no more. */
  async resume(identity: string): Promise<void> {
    const { child } = this.all.get(identity)!
    child.process.kill('SIGCONT')
    await child.ended
  }

  /** Waits until an instance has acted outside of the cluster. */
  async acted(identity: string): Promise<void> {
    await this.all.get(identity)!.child.says('acted')
  }

  /** Waits until every instance that runs has said something. */
  async allSay(line: string): Promise<void> {
    await Promise.all(this.#present.map((identity) => this.all.get(identity)!.child.says(line)))
  }

  /** Stops all and checks that each ended well. */
  async stop(): Promise<void> {
    this.#isStopping = true
    for (const identity of this.#present) {
      const { child } = this.all.get(identity)!
      await this.disturb(identity, 'lasted')
      const { code } = await child.ended
      if (code !== 0) this.problems.push(`${identity} ended with ${code}: ${child.errors}`)
    }
  }

  /** Kills what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true
    for (const entry of this.all.values()) {
      if (!entry.child.isRunning) continue
      entry.fate = 'killed'
      await entry.child.end('SIGKILL')
    }
  }

  #tell(): void {
    for (const look of this.#watching) look()
  }
}
