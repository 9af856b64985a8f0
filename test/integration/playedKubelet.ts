import { HttpClient } from '#lib/http/client.ts'
import type { HttpReply, HttpRequest } from '#lib/http/message.ts'
import { HttpServer } from '#lib/http/server.ts'
import { SpdySession, type SpdyStream } from '#lib/http/spdy.ts'
import { NodeUnreachable, type NodeConnector } from '#server/nodeProxy.ts'

/** A kubelet whose only command writes its arguments, then gives back its input in capitals and ends with 7. */
export interface PlayedKubelet extends AsyncDisposable {
  readonly connector: NodeConnector
  /** Paths that were asked for. */
  readonly asked: string[]
}

/**
 * Starts one on a port of the loopback interface. `waits`: commands write nothing before their first input. Some kubectls
 * drop output that comes before they listen, and input tells that they do.
 */
export async function playKubelet({ waits = false } = {}): Promise<PlayedKubelet> {
  const asked: string[] = []
  const server = new HttpServer({
    handler(request, reply) {
      asked.push(`${request.path}?${request.search}`)
      if (request.path.startsWith('/containerLogs/')) return sendLog(request, reply)
      if (request.path.endsWith('/broken')) return reply.send(500, {}, 'container not found ("broken")')
      if (request.path.endsWith('/moved')) return reply.send(302, { location: 'http://127.0.0.1:1/' }, '')
      const { socket, head } = request.upgrade!.take()
      const protocol = request.headerValues('x-stream-protocol-version')[0]!
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
      )
      const serve = request.path.startsWith('/portForward/') ? forwardPort : runCommand(request, waits)
      new SpdySession(socket, { role: 'server', onStream: serve }, head)
    },
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const client = new HttpClient({ url: `http://127.0.0.1:${port}` })
  return {
    asked,
    connector: {
      request: (_node, request, signal) => client.request({ ...request, signal }),
      async upgrade(_node, request, signal) {
        const failure = `Post "https://198.18.0.1:10250${request.path.split('?')[0]}": dial tcp: refused`
        if (failure.includes('/unreachable"'))
          throw new NodeUnreachable('error dialing backend: dial tcp: refused', failure)
        return await client.upgrade({ ...request, signal })
      },
    },
    async [Symbol.asyncDispose]() {
      client.close()
      await server.close(AbortSignal.abort())
    },
  }
}

function sendLog(request: HttpRequest, reply: HttpReply): void {
  if (request.query.get('previous') === 'true') {
    return reply.send(400, {}, 'previous terminated container "c" in pod "p" not found')
  }
  reply.send(200, { 'content-type': 'text/plain' }, `tail ${request.query.get('tailLines')}\n`)
}

/** The streams come one by one; the command runs once error, stdin and stdout are there. */
function runCommand(request: HttpRequest, waits: boolean): (stream: SpdyStream) => boolean {
  const streams = new Map<string, SpdyStream>()
  let runs = false
  return (stream) => {
    streams.set(stream.header('streamtype') ?? '', stream)
    const [error, stdin, stdout] = ['error', 'stdin', 'stdout'].map((name) => streams.get(name))
    if (runs || error === undefined || stdin === undefined || stdout === undefined) return true
    runs = true
    const greet = (): void => void stdout.write(`${request.query.getAll('command').join(' ')}\n`)
    // Once the stream has been answered: clients drop what comes earlier.
    if (waits) stdin.once('data', greet)
    else queueMicrotask(greet)
    stdin.on('data', (bytes: Buffer) => stdout.write(bytes.toString().toUpperCase()))
    stdin.on('end', () => {
      stdout.end()
      streams.get('stderr')?.end('done\n')
      error.end(
        '{"metadata":{},"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}',
      )
    })
    return true
  }
}

/** Every port gives back what it is sent, with its number before it; port 9 ends after its first answer. */
function forwardPort(stream: SpdyStream): boolean {
  queueMicrotask(() => {
    if (stream.header('streamtype') === 'error') stream.end()
    else {
      stream.write(`port ${stream.header('port')}: `)
      if (stream.header('port') === '9') stream.once('data', (bytes: Buffer) => stream.end(bytes))
      else stream.pipe(stream)
    }
  })
  return true
}
