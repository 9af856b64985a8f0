import { createHash } from 'node:crypto'
import type { Pod } from '#api/core/v1/pod.ts'
import { normalizeImageName } from '#cluster/image/reference.ts'
import type { ContainerBehaviour } from './behaviour.ts'

/** The scheme of simulated containers' ids: nobody shall look for them in a runtime. */
export const runtimeScheme = 'simulated'

/** The exit code of what was killed: 128 + SIGKILL. */
const killedCode = 137

/** When a container that is asked to stop ends, and with which code. */
export function stoppedBy(
  behaviour: ContainerBehaviour,
  now: number,
  graceSeconds: number,
): { readonly at: number; readonly exitCode: number } {
  const grace = graceSeconds * 1_000
  return behaviour.stopAfter > grace
    ? { at: now + grace, exitCode: killedCode }
    : { at: now + behaviour.stopAfter, exitCode: 0 }
}

/** The id of one run of a container, or with an empty name of a sandbox: the same for the same pod in every process. */
export function containerId(pod: Pod, name: string, attempt: number): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193) >>> 0
  const uid = (pod.metadata.uid ?? '').replaceAll('-', '')
  return `${uid}${hash.toString(16).padStart(8, '0')}${attempt.toString(16).padStart(24, '0')}`
}

interface KnownImage {
  readonly name: string
  readonly digest: string
}

const images = new Map<string, KnownImage>()
const mostImages = 1_000

/** The full name of an image: `docker.io/library/nginx:latest`. A name that cannot be read stays as it is. */
export function imageName(image: string): string {
  return knownImage(image).name
}

/** The digest that stands for an image: it is made from the name, since nothing is pulled. */
export function imageDigest(image: string): string {
  return knownImage(image).digest
}

function knownImage(image: string): KnownImage {
  const known = images.get(image)
  if (known !== undefined) return known
  if (images.size >= mostImages) images.clear()
  const name = fullName(image)
  const repository = name.replace(/[:@][^/]*$/, '')
  const digest = name.includes('@')
    ? name.slice(name.indexOf('@') + 1)
    : `sha256:${createHash('sha256').update(name).digest('hex')}`
  const made = { name, digest: `${repository}@${digest}` }
  images.set(image, made)
  return made
}

function fullName(image: string): string {
  try {
    return normalizeImageName(image)
  } catch {
    return image
  }
}
