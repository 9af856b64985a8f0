import assert from 'node:assert/strict'
import { systemClock, type Clock } from '#lib/clock.ts'
import { HttpClient } from '#lib/http/client.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, userHeader } from './apiServerHttp.ts'
import { register, startExtension } from './extensionServer.ts'
import { startFrontProxy } from './frontProxy.ts'

/** Resolves with what `find` finds, once it finds something. */
export async function until<T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A server and another one that extends its API, which is registered when there is a `spec` beside its authority. */
export async function startBoth(
  spec?: object,
  clock: Clock = systemClock,
  settings: NonNullable<Parameters<typeof startServer>[0]>['settings'] = {},
) {
  const proxy = startFrontProxy()
  const tokenAuthenticators = [
    staticTokens('root,root,1,"system:masters"\n', ['https://kubernetes.default.svc.cluster.local']),
  ]
  const server = await startServer({ clock, roles: true, aggregation: proxy.options, tokenAuthenticators, settings })
  const extension = await startExtension({ clientAuthority: proxy.authority })
  const http = await listen(server.server)
  const registerIt = (more: object) => register(server, extension, { caBundle: extension.caBundle, ...more })
  if (spec !== undefined) await registerIt(spec)
  const client = new HttpClient({ url: `http://127.0.0.1:${http.port}`, protocol: 'h1' })
  const headers = { [userHeader]: 'admin' }
  return {
    server,
    extension,
    ...http,
    /** The answer as it comes. */
    open: (path: string, signal?: AbortSignal) =>
      client.request({ path, headers, ...(signal === undefined ? {} : { signal }) }),
    register: registerIt,
    upgrade: (path: string, protocol: string) =>
      client.upgrade({
        path,
        protocol,
        headers: {
          ...headers,
          'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.cm9vdA, v5.channel.k8s.io',
        },
      }),
    async [Symbol.asyncDispose]() {
      client.close()
      await http[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await extension[Symbol.asyncDispose]()
      assert.deepEqual(server.bugs, [])
    },
  }
}
