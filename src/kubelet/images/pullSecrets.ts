import type { Pod } from '#api/core/v1/pod.ts'
import type { RegistryCredentials } from '../runtime/containerRuntime.ts'
import type { ReferencedObjects } from '../runtime/environment.ts'

interface RegistryEntry {
  readonly username?: string
  readonly password?: string
  readonly auth?: string
  readonly identitytoken?: string
}

/** The registry of an image: `docker.io` when its name has none. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/')
  const isHost = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost')
  return isHost ? first : 'docker.io'
}

/** The credentials in the pod's pull secrets that are for the image's registry, in order. */
export function credentialsFor(image: string, pod: Pod, objects: ReferencedObjects): readonly RegistryCredentials[] {
  const found: RegistryCredentials[] = []
  for (const { name = '' } of pod.spec.imagePullSecrets ?? []) {
    for (const [server, entry] of Object.entries(entriesOf(objects.secret(name)?.data))) {
      if (!isFor(server, image)) continue
      found.push(credentialsOf(server, entry))
    }
  }
  return found
}

function entriesOf(data: Readonly<Record<string, string>> | undefined): Readonly<Record<string, RegistryEntry>> {
  const whole = data?.['.dockerconfigjson']
  const bare = data?.['.dockercfg']
  try {
    if (whole !== undefined) {
      const parsed = JSON.parse(Buffer.from(whole, 'base64').toString('utf8')) as {
        auths?: Record<string, RegistryEntry>
      }
      return parsed.auths ?? {}
    }
    if (bare !== undefined)
      return JSON.parse(Buffer.from(bare, 'base64').toString('utf8')) as Record<string, RegistryEntry>
  } catch {
    // A secret that cannot be read opens no registry; the pull then says that access is denied.
  }
  return {}
}

/** How credential files name Docker Hub, as an address that ends with `/v1/`. */
export const hubInCredentials = 'index.docker.io'

/** `*.example.com` matches one label; a path narrows the match. */
function isFor(server: string, image: string): boolean {
  const [host = '', ...path] = server
    .replace(/^https?:\/\//, '')
    .replace(/\/v[12]\/?$/, '')
    .split('/')
  const registry = registryOf(image)
  const isHub = host === hubInCredentials || host === 'registry-1.docker.io' || host === 'docker.io'
  if (isHub) return registry === 'docker.io'
  const wanted = host.split('.')
  const actual = registry.split('.')
  if (wanted.length !== actual.length) return false
  if (!wanted.every((label, index) => label === '*' || label === actual[index])) return false
  const prefix = path.filter((part) => part !== '').join('/')
  return prefix === '' || image.slice(registry.length + 1).startsWith(prefix)
}

function credentialsOf(serverAddress: string, entry: RegistryEntry): RegistryCredentials {
  const [username, ...password] = Buffer.from(entry.auth ?? '', 'base64')
    .toString('utf8')
    .split(':')
  if (entry.identitytoken !== undefined) return { serverAddress, identityToken: entry.identitytoken }
  return {
    serverAddress,
    username: entry.username ?? username ?? '',
    password: entry.password ?? password.join(':'),
  }
}
