import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { Secret } from '#api/core/v1/secret.ts'
import type { NamedObject } from '../annotations/readers.ts'
import type { Settings } from '../annotations/annotations.ts'
import type { BasicAuthentication, ExternalAuthentication, Header } from '../routing.ts'
import type { ClusterView } from './cluster.ts'

/** Something that was asked for, or why it cannot be. */
export type Outcome<T> = { readonly value: T } | { readonly problem: string }

/** An object that an ingress names: of its own namespace only, whoever may make ingresses there. */
export function ownObject<T>(
  namespace: string,
  reference: NamedObject,
  kind: 'Secret' | 'ConfigMap',
  find: (key: string) => T | undefined,
): Outcome<T> {
  if (reference.namespace !== undefined && reference.namespace !== namespace) {
    return {
      problem: `${kind} ${reference.namespace}/${reference.name} is of another namespace; only those of namespace ${namespace} are used`,
    }
  }
  const value = find(`${namespace}/${reference.name}`)
  return value === undefined ? { problem: `there is no ${kind} ${namespace}/${reference.name}` } : { value }
}

/** The users that may pass. */
export function basicAuthentication(
  view: ClusterView,
  namespace: string,
  settings: Settings,
): Outcome<BasicAuthentication> | undefined {
  if (settings['auth-type'] === undefined) return undefined
  const reference = settings['auth-secret']
  if (reference === undefined) return { problem: 'auth-type needs auth-secret' }
  const secret = ownObject(namespace, reference, 'Secret', (key) => view.secret(key))
  if ('problem' in secret) return secret
  const users = usersOf(secret.value, settings['auth-secret-type'] ?? 'auth-file')
  if (users === undefined)
    return { problem: `Secret ${reference.name} has no entry "auth" with lines as htpasswd writes them` }
  return users.size === 0
    ? { problem: `Secret ${reference.name} has no users with passwords as htpasswd writes them` }
    : { value: { realm: settings['auth-realm'] ?? '', users } }
}

const userName = /^[^\s:"'\\`\p{C}]{1,200}$/u
const passwordHash = /^[!-~]{1,500}$/
const quotes = /["'`\\]/

const readUsers = new WeakMap<Secret, Map<string, ReadonlyMap<string, string> | undefined>>()

function usersOf(secret: Secret, type: 'auth-file' | 'auth-map'): ReadonlyMap<string, string> | undefined {
  let known = readUsers.get(secret)
  if (known === undefined) readUsers.set(secret, (known = new Map()))
  if (!known.has(type)) known.set(type, type === 'auth-map' ? mapUsers(secret) : fileUsers(secret))
  return known.get(type)
}

function mapUsers({ data = {} }: Secret): ReadonlyMap<string, string> {
  return goodUsers(
    Object.entries(data).map(([name, value]) => [name, Buffer.from(value, 'base64').toString('utf8').trim()]),
  )
}

function fileUsers({ data = {} }: Secret): ReadonlyMap<string, string> | undefined {
  if (data['auth'] === undefined) return undefined
  const lines = Buffer.from(data['auth'], 'base64').toString('utf8').split(/\r?\n/)
  return goodUsers(
    lines.flatMap((line): [string, string][] => {
      const colon = line.indexOf(':')
      return line.startsWith('#') || colon < 0
        ? []
        : [
            [
              line.slice(0, colon),
              line
                .slice(colon + 1)
                .split(':')[0]!
                .trim(),
            ],
          ]
    }),
  )
}

function goodUsers(entries: readonly (readonly [string, string])[]): ReadonlyMap<string, string> {
  return new Map(entries.filter(([name, hash]) => userName.test(name) && passwordHash.test(hash) && !quotes.test(hash)))
}

/** The server that is asked. `host` is the one host of the route, when there is one. */
export function externalAuthentication(
  view: ClusterView,
  namespace: string,
  host: string | undefined,
  settings: Settings,
): Outcome<ExternalAuthentication> | undefined {
  if (settings['auth-url'] === undefined) return undefined
  const signIn = settings['auth-signin']
  if (host === undefined && [settings['auth-url'], signIn].some((url) => url?.includes('$host'))) {
    return { problem: '$host in auth-url and auth-signin needs a rule for one host' }
  }
  const withHost = (url: string): string => url.replaceAll('$host', host ?? '')
  const headers: Header[] = []
  const redirect = settings['auth-request-redirect']
  if (redirect !== undefined) headers.push({ name: 'X-Auth-Request-Redirect', value: redirect })
  const reference = settings['auth-proxy-set-headers']
  if (reference !== undefined) {
    const more = headersOf(view, namespace, reference)
    if ('problem' in more) return more
    headers.push(...more.value)
  }
  return {
    value: {
      url: withHost(settings['auth-url']),
      ...(settings['auth-method'] === undefined ? {} : { method: settings['auth-method'] }),
      ...(signIn === undefined ? {} : { signIn: withHost(signIn) }),
      signInParameter: settings['auth-signin-redirect-param'] ?? 'rd',
      responseHeaders: settings['auth-response-headers'] ?? [],
      requestHeaders: headers,
    },
  }
}

const headerName = /^[A-Za-z0-9-]{1,200}$/
const headerValue = /^[\x20\x21\x23-\x26\x28-\x5b\x5d-\x5f\x61-\x7e]{0,2000}$/
/** These say how a message is sent, which is between two neighbours alone. */
const reserved = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
])

/** The headers that a ConfigMap holds. */
export function headersOf(view: ClusterView, namespace: string, reference: NamedObject): Outcome<readonly Header[]> {
  const found = ownObject<ConfigMap>(namespace, reference, 'ConfigMap', (key) => view.configMap(key))
  if ('problem' in found) return found
  const headers = Object.entries(found.value.data ?? {}).map(([name, value]) => ({ name, value }))
  const bad = headers.find(
    ({ name, value }) =>
      !headerName.test(name) || !headerValue.test(value) || value.includes('$') || reserved.has(name.toLowerCase()),
  )
  if (bad === undefined) return { value: headers }
  return {
    problem: `header ${JSON.stringify(bad.name.slice(0, 80))} of ConfigMap ${reference.name} cannot be set: names are letters, digits and hyphens, values printable without quotes and variables, and headers of the connection are not for others`,
  }
}
