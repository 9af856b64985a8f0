/**
 * The bare cost of a watch: an HTTPS server that knows nothing. It answers each patch at once with bytes of the size of an
 * object, and writes as many to each watcher, those of one turn of the loop together.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { issueCertificates, type Address } from './certificates.ts'

/** Starts one whose objects have `size` bytes; ends with its disposal. */
export async function startBareWatch(size: number): Promise<AsyncDisposable & { readonly address: Address }> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), String(size)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    address: JSON.parse(line.toString()) as Address,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

/** An object that carries the change with which it was patched, filled up to its size. */
function objectOf(patch: string, size: number): Buffer {
  const object = Buffer.alloc(size, ' ')
  object.write(patch, 0)
  object.write('\n', size - 1)
  return object
}

async function serve(size: number): Promise<void> {
  const watchers = new Set<ServerResponse>()
  let waiting: Buffer[] = []
  const tellAll = (): void => {
    const events = Buffer.concat(waiting)
    waiting = []
    for (const watcher of watchers) watcher.write(events)
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'PATCH') {
      const object = objectOf(await text(request), size)
      if (waiting.push(object) === 1) setImmediate(tellAll)
      response.end(object)
    } else if (request.url!.includes('watch=1')) {
      response.flushHeaders()
      watchers.add(response)
      response.on('close', () => watchers.delete(response))
    } else response.end(JSON.stringify({ metadata: { resourceVersion: '1' } }))
  }
  const { server: own, client } = issueCertificates()
  const tls = { cert: own.certificate, key: own.key, ca: own.clientAuthority, requestCert: true }
  const server = createServer(tls, (request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address: Address = { port: (server.address() as AddressInfo).port, ...client }
  console.log(JSON.stringify(address))
  process.stdin.resume()
  await once(process.stdin, 'end')
  server.closeAllConnections()
  server.close()
}

if (import.meta.main) await serve(Number(process.argv[2]))
