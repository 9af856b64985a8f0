// A kubelet whose containers are processes of this machine: commands run in them, ports lead to this machine, and the
// log is one text. What stands between a client and a kubelet is shown without containers.
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { HttpClient } from '#lib/http/client.ts'
import type { HttpReply, HttpRequest, ReplyStream } from '#lib/http/message.ts'
import { HttpServer } from '#lib/http/server.ts'
import { SpdySession, type SpdyStream } from '#lib/http/spdy.ts'
import type { NodeConnector } from '#server/nodeProxy.ts'

export interface ProcessKubelet extends AsyncDisposable {
  readonly connector: NodeConnector
  /** Sizes of terminals that clients told of, as they were sent. */
  readonly sizes: string[]
  /** Adds a line to the log, for those who follow it too. */
  log(line: string): void
  /** The log ends for those who follow it. */
  endLog(): void
}

/** What whoever attaches finds: a process that gives back what it is sent, in capitals. */
const attached = ['sh', '-c', 'while read line; do echo "$line" | tr a-z A-Z; done; echo bye >&2']

export async function startProcessKubelet(): Promise<ProcessKubelet> {
  const sizes: string[] = []
  const lines: string[] = []
  const followers = new Set<ReplyStream>()
  const serve = (request: HttpRequest, reply: HttpReply): void => {
    if (request.path.startsWith('/containerLogs/')) return sendLog(request, reply)
    const { socket, head } = request.upgrade!.take()
    const protocol = request.headerValues('x-stream-protocol-version')[0]!
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
    )
    const onStream = request.path.startsWith('/portForward/') ? forwardPort : runCommand(request, sizes)
    new SpdySession(socket, { role: 'server', onStream }, head)
  }
  function sendLog(request: HttpRequest, reply: HttpReply): void {
    const tail = request.query.get('tailLines')
    const stream = reply.stream(200, { 'content-type': 'text/plain' })
    for (const line of tail === null ? lines : lines.slice(-Number(tail))) stream.write(Buffer.from(`${line}\n`))
    if (request.query.get('follow') !== 'true') return stream.end()
    followers.add(stream)
    request.signal.addEventListener('abort', () => followers.delete(stream))
  }
  const server = new HttpServer({ handler: serve })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const client = new HttpClient({ url: `http://127.0.0.1:${port}` })
  return {
    sizes,
    connector: {
      request: (_node, request, signal) => client.request({ ...request, signal }),
      upgrade: (_node, request, signal) => client.upgrade({ ...request, signal }),
    },
    log(line) {
      lines.push(line)
      for (const follower of followers) follower.write(Buffer.from(`${line}\n`))
    },
    endLog() {
      for (const follower of followers) follower.end()
      followers.clear()
    },
    async [Symbol.asyncDispose]() {
      client.close()
      await server.close(AbortSignal.abort())
    },
  }
}

/** The streams come one by one; the process begins when all that the request names are there. */
function runCommand({ path, query }: HttpRequest, sizes: string[]): (stream: SpdyStream) => boolean {
  const wanted = ['error']
  if (query.get('input') === '1') wanted.push('stdin')
  if (query.get('output') === '1') wanted.push('stdout')
  if (query.get('tty') === '1') wanted.push('resize')
  else if (query.get('error') === '1') wanted.push('stderr')
  const [program, ...args] = path.startsWith('/attach/') ? attached : query.getAll('command')
  const streams = new Map<string, SpdyStream>()
  return (stream) => {
    streams.set(stream.header('streamtype') ?? '', stream)
    if (streams.size < wanted.length || !wanted.every((name) => streams.has(name))) return true
    const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    // A process that does not want its input may be gone before it has come.
    child.stdin.on('error', () => undefined)
    const stdin = streams.get('stdin')
    if (stdin === undefined) child.stdin.end()
    else stdin.pipe(child.stdin)
    const stdout = streams.get('stdout')
    if (stdout !== undefined) child.stdout.pipe(stdout)
    const stderr = streams.get('stderr') ?? stdout
    if (stderr !== undefined) child.stderr.pipe(stderr)
    streams.get('resize')?.on('data', (bytes: Buffer) => sizes.push(bytes.toString().trim()))
    const finish = (status: object): void => void streams.get('error')!.end(JSON.stringify({ metadata: {}, ...status }))
    child.on('error', ({ message }) => finish({ status: 'Failure', message, reason: 'InternalError', code: 500 }))
    child.on('close', (code) => {
      if (code === 0) return finish({ status: 'Success' })
      const message = `command terminated with non-zero exit code: exit status ${code}`
      const causes = [{ reason: 'ExitCode', message: String(code) }]
      return finish({ status: 'Failure', message, reason: 'NonZeroExitCode', details: { causes } })
    })
    return true
  }
}

/** Ports of pods are ports of this machine. */
function forwardPort(stream: SpdyStream): boolean {
  if (stream.header('streamtype') === 'error') {
    stream.end()
    return true
  }
  const socket = connect(Number(stream.header('port')), '127.0.0.1')
  socket.on('error', () => stream.destroy())
  stream.on('error', () => socket.destroy())
  stream.pipe(socket).pipe(stream)
  return true
}
