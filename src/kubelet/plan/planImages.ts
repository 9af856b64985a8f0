import type { Container, PullPolicy } from '#api/core/v1/container.ts'

/** What to do about the image of a container that is to be started. */
export type ImageDecision =
  | { readonly do: 'use' }
  | { readonly do: 'pull' }
  /** Shown as the reason and message of the waiting container. */
  | { readonly do: 'refuse'; readonly reason: string; readonly message: string }

/** Decides by pull policy and presence. Absent policies follow the tag, as the API server's defaults do. */
export function planImage(container: Pick<Container, 'image' | 'imagePullPolicy'>, isPresent: boolean): ImageDecision {
  const image = container.image ?? ''
  const policy: PullPolicy = container.imagePullPolicy ?? (tagOf(image) === 'latest' ? 'Always' : 'IfNotPresent')
  if (policy === 'Always') return { do: 'pull' }
  if (isPresent) return { do: 'use' }
  if (policy === 'IfNotPresent') return { do: 'pull' }
  const message = `Container image "${image}" is not present with pull policy of Never`
  return { do: 'refuse', reason: 'ErrImageNeverPull', message }
}

const domainPart = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const domain = `${domainPart}(?:\\.${domainPart})*(?::[0-9]+)?`
const pathPart = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const reference = new RegExp(
  `^((?:${domain}/)?${pathPart}(?:/${pathPart})*)(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
)

/** Why an image name cannot be read, in the words of the reference grammar; undefined when it can. */
export function imageNameProblem(image: string): string | undefined {
  // Longer than any name with a tag and a digest can be; the grammar is not tried on it.
  if (image.length > 1024) return 'invalid reference format'
  if (/^[a-f0-9]{64}$/.test(image)) {
    return `invalid repository name (${image}), cannot specify 64-byte hexadecimal strings`
  }
  const match = reference.exec(image)
  if (match === null) {
    const { repository } = splitTag(image)
    return /[A-Z]/.test(repository)
      ? 'invalid reference format: repository name must be lowercase'
      : 'invalid reference format'
  }
  if (match[1]!.length > 255) return 'repository name must not be more than 255 characters'
  return undefined
}

/** The tag of an image name: `latest` when it has neither tag nor digest, undefined with a digest alone. */
export function tagOf(image: string): string | undefined {
  const [named = '', digest] = image.split('@')
  const { tag } = splitTag(named)
  return tag ?? (digest === undefined ? 'latest' : undefined)
}

function splitTag(image: string): { readonly repository: string; readonly tag?: string } {
  const colon = image.lastIndexOf(':')
  if (colon < 0 || image.includes('/', colon)) return { repository: image }
  return { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
}

/** The message of a container whose image has a name that cannot be read. */
export function invalidNameMessage(image: string, problem: string): string {
  return `Failed to apply default image tag "${image}": couldn't parse image reference "${image}": ${problem}`
}
