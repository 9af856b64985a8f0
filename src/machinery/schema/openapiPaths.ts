import {
  answers,
  capital,
  groupWord,
  metaPrefix,
  objectTypes,
  versionDefinition,
  type Operation,
  type PathItem,
  type ServedResource,
  type Words,
} from './openapiModel.ts'
import { resourcePaths } from './openapiResource.ts'
import type { GroupVersionKind } from './model.ts'

/** The names of all documents, sorted, as `/openapi/v3` has them: `api/v1`, `apis`, `apis/apps`, `apis/apps/v1`, `version`. */
export function documentNames(served: readonly ServedResource[]): string[] {
  const names = new Set<string>(['api', 'apis', 'version'])
  for (const { kind } of served) {
    if (kind.group !== '') names.add(`apis/${kind.group}`)
    names.add(documentOf(kind))
  }
  return [...names].sort()
}

/** The document that a kind is in. */
export function documentOf({ group, version }: GroupVersionKind): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

/** The paths of one document in order; undefined when there is no such document. */
export function pathsOf(document: string, served: readonly ServedResource[], words: Words): PathItem[] | undefined {
  if (!documentNames(served).includes(document)) return undefined
  const own = served.filter(({ kind }) => documentOf(kind) === document)
  return documentPaths(document, own, words)
}

/** The paths of all documents in order. */
export function allPaths(served: readonly ServedResource[], words: Words): PathItem[] {
  const byDocument = Map.groupBy(served, ({ kind }) => documentOf(kind))
  return documentNames(served).flatMap((document) => documentPaths(document, byDocument.get(document) ?? [], words))
}

function documentPaths(document: string, own: readonly ServedResource[], words: Words): PathItem[] {
  const items = own.flatMap((resource) => resourcePaths(`/${document}`, resource, words))
  return [rootPath(document), ...items].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** The path of a document itself: what is below it. */
function rootPath(document: string): PathItem {
  const operation: Operation = { method: 'get', parameters: [], ...rootOperation(document) }
  return { path: `/${document}/`, parameters: [], operations: [operation] }
}

function rootOperation(document: string): Omit<Operation, 'method' | 'parameters'> {
  const [root, ...rest] = document.split('/')
  const types = { consumes: objectTypes, produces: objectTypes }
  if (root === 'version') {
    const content = { definition: versionDefinition }
    return {
      id: 'getCodeVersion',
      description: 'get the version of this server',
      tag: 'version',
      consumes: ['application/json'],
      produces: ['application/json'],
      responses: answers(content, 200),
    }
  }
  const [group = '', version] = root === 'api' ? ['', ...rest] : rest
  const word = groupWord(group)
  if (version !== undefined) {
    return {
      id: `get${capital(word)}${capital(version)}APIResources`,
      description: 'get the resources of this version',
      tag: `${word}_${version}`,
      ...types,
      responses: answers({ definition: `${metaPrefix}APIResourceList` }, 200),
    }
  }
  if (root === 'apis' && group === '') {
    return {
      id: 'getAPIVersions',
      description: 'get the groups of this server',
      tag: 'apis',
      ...types,
      responses: answers({ definition: `${metaPrefix}APIGroupList` }, 200),
    }
  }
  const isCore = root === 'api'
  return {
    id: isCore ? 'getCoreAPIVersions' : `get${capital(word)}APIGroup`,
    description: isCore ? 'get the versions of the core group' : 'get the versions of this group',
    tag: word,
    ...types,
    responses: answers({ definition: `${metaPrefix}${isCore ? 'APIVersions' : 'APIGroup'}` }, 200),
  }
}
