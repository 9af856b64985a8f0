// What a request for a connection asks for, as the object that admission sees.
import type { KubeObject } from '#api/resource.ts'
import { parseFlag, parseInteger, type Query } from '../options.ts'

type Read = (query: Query, name: string) => unknown

const flag: Read = (query, name) => parseFlag(query, name)
const text: Read = (query, name) => query.get(name) ?? undefined
const list: Read = (query, name) => (query.has(name) ? query.getAll(name) : undefined)
const numbers: Read = (query, name) =>
  query.has(name)
    ? query
        .getAll(name)
        .flatMap((each) => each.split(','))
        .map((each) => parseInteger({ get: () => each, getAll: () => [each], has: () => true }, name) ?? 0)
    : undefined

const streams = { stdin: flag, stdout: flag, stderr: flag, tty: flag, container: text }

const sorts: Readonly<Record<string, { readonly kind: string; readonly fields: Readonly<Record<string, Read>> }>> = {
  'pods/exec': { kind: 'PodExecOptions', fields: { ...streams, command: list } },
  'pods/attach': { kind: 'PodAttachOptions', fields: streams },
  'pods/portforward': { kind: 'PodPortForwardOptions', fields: { ports: numbers } },
  'pods/proxy': { kind: 'PodProxyOptions', fields: {} },
  'services/proxy': { kind: 'ServiceProxyOptions', fields: {} },
  'nodes/proxy': { kind: 'NodeProxyOptions', fields: {} },
}

/** The options object of a connection to `part` (`pods/exec`), read from the query; `path` is what a proxy passes on. */
export function connectOptions(part: string, query: Query, path: string): KubeObject {
  const { kind, fields } = sorts[part]!
  const options: Record<string, unknown> = {}
  for (const [name, read] of Object.entries(fields)) {
    const value = read(query, name)
    if (value !== undefined) options[name] = value
  }
  if (part.endsWith('/proxy') && path !== '') options['path'] = path
  return { kind, apiVersion: 'v1', metadata: {}, ...options } as unknown as KubeObject
}
