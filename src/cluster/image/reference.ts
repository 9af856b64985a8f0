/** Names of images. */

/** A name with everything that people leave out: registry, `library/`, and the tag `latest` when neither tag nor digest is given. */
export function normalizeImageName(name: string): string {
  const problem = imageNameProblem(name)
  if (problem !== undefined)
    throw new TypeError(`Cannot use ${JSON.stringify(name.slice(0, 200))} as the name of an image: ${problem}`)
  const [first = '', ...rest] = name.split('/')
  const hasRegistry = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost')
  const registry = hasRegistry ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io'
  const path = hasRegistry ? rest.join('/') : name
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  const tagged = /[:@]/.test(repository) ? repository : `${repository}:latest`
  return `${registry}/${tagged}`
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const form = new RegExp(
  `^(?:[a-zA-Z0-9](?:[-a-zA-Z0-9.]*[a-zA-Z0-9])?(?::\\d+)?/)?${component}(?:/${component})*(?::[\\w][\\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`,
)

/** What is wrong with an image's name; undefined when nothing is. */
export function imageNameProblem(name: string): string | undefined {
  if (name.length === 0) return 'it must not be empty'
  if (name.length > 255) return 'it must be no more than 255 characters'
  if (!form.test(name)) return 'it must look like [registry/]repository[:tag], the repository in lower case'
  return undefined
}
