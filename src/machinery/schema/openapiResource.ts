import { definitionNamed, schemaOfKind } from './load.ts'
import type { GroupVersionKind } from './model.ts'
import { customDefinitionName } from './openapiCustom.ts'
import {
  answers,
  capital,
  groupWord,
  metaPrefix,
  objectTypes,
  patchDefinition,
  type Content,
  type Method,
  type Operation,
  type Parameter,
  type PathItem,
  type ServedResource,
  type ServedSubresource,
  type Words,
} from './openapiModel.ts'

const watchTypes = [...objectTypes, 'application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch']
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]
const anyType = ['*/*']
/** Custom objects have no form in protobuf, and say nothing of how lists merge in strategic patches. */
const customTypes = ['application/json', 'application/yaml']
const customPatchTypes = patchTypes.filter((type) => !type.includes('strategic'))

const statusContent: Content = { definition: `${metaPrefix}Status` }
const watchContent: Content = { definition: `${metaPrefix}WatchEvent` }
const deleteOptions = `${metaPrefix}DeleteOptions`

/** All paths of one kind below the path of its group and version: with its subresources and the old form of watches. */
export function resourcePaths(root: string, resource: ServedResource, words: Words): PathItem[] {
  const { kind, plural, scope, verbs, subresources } = resource
  const isNamespaced = scope === 'Namespaced'
  const collection = isNamespaced ? `/namespaces/{namespace}/${plural}` : `/${plural}`
  const inCollection = addressOf(kind, collection)
  const atObject = addressOf(kind, `${collection}/{name}`)
  const own = new Operations(resource, words)
  const items = [
    pathItem(root + collection, [
      ...when(verbs, 'list', () => own.list(inCollection)),
      ...when(verbs, 'create', () => own.create(inCollection)),
      ...when(verbs, 'deletecollection', () => own.deleteCollection(inCollection)),
    ]),
    pathItem(`${root}${collection}/{name}`, [
      ...when(verbs, 'get', () => own.get(atObject)),
      ...when(verbs, 'update', () => own.replace(atObject)),
      ...when(verbs, 'delete', () => own.delete(atObject)),
      ...when(verbs, 'patch', () => own.patch(atObject)),
    ]),
    ...subresources.flatMap((part) => subresourcePaths(`${root}${collection}/{name}`, own, part)),
  ]
  if (isNamespaced)
    items.push(
      pathItem(
        `${root}/${plural}`,
        when(verbs, 'list', () => own.list([], 'ForAllNamespaces')),
      ),
    )
  if (verbs.includes('watch') && resource.custom === undefined) {
    items.push(pathItem(`${root}/watch${collection}`, [own.watch(inCollection, 'List')]))
    if (isNamespaced) items.push(pathItem(`${root}/watch/${plural}`, [own.watch([], 'ListForAllNamespaces')]))
    if (verbs.includes('get')) items.push(pathItem(`${root}/watch${collection}/{name}`, [own.watch(atObject, '')]))
  }
  return items.filter(({ operations }) => operations.length > 0)
}

function when(verbs: readonly string[], verb: string, make: () => Operation): Operation[] {
  return verbs.includes(verb) ? [make()] : []
}

function subresourcePaths(parent: string, own: Operations, part: ServedSubresource): PathItem[] {
  const { name, kind, verbs } = part
  const path = `${parent}/${name}`
  const address = addressOf(kind, path)
  if (verbs.includes('connect')) {
    const items = [pathItem(path, own.connect(address, part, ''))]
    if (name === 'proxy') {
      const rest: Parameter = { name: 'path', in: 'path', type: 'string', description: 'path to the resource' }
      items.push(pathItem(`${path}/{path}`, own.connect([...address, rest], part, 'WithPath')))
    }
    return items
  }
  return [
    pathItem(path, [
      ...when(verbs, 'get', () => (name === 'log' ? own.readLog(address) : own.get(address, part))),
      ...when(verbs, 'create', () => own.create(address, part)),
      ...when(verbs, 'update', () => own.replace(address, part)),
      ...when(verbs, 'patch', () => own.patch(address, part)),
    ]),
  ]
}

/** A path with its operations; parameters that all of them have stand at the path. */
function pathItem(path: string, operations: readonly Operation[]): PathItem {
  const isCommon = (parameter: Parameter): boolean =>
    operations.every(({ parameters }) => parameters.some((other) => keyOf(other) === keyOf(parameter)))
  const byName = (parameters: readonly Parameter[]): Parameter[] =>
    parameters.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return {
    path,
    parameters: byName(operations[0]?.parameters ?? []).filter(isCommon),
    operations: operations.map((operation) => ({
      ...operation,
      parameters: byName(operation.parameters).filter((parameter) => !isCommon(parameter)),
    })),
  }
}

const keyOf = ({ name, in: place }: Parameter): string => `${name} ${place}`

/** The parameters within a path. */
function addressOf({ kind }: GroupVersionKind, path: string): Parameter[] {
  const parameters: Parameter[] = []
  const add = (name: string, description: string): void => {
    if (path.includes(`{${name}}`)) parameters.push({ name, in: 'path', type: 'string', description })
  }
  add('name', `name of the ${kind}`)
  add('namespace', 'object name and auth scope, such as for teams and projects')
  return parameters
}

const pretty: Parameter = {
  name: 'pretty',
  in: 'query',
  type: 'string',
  description:
    "If 'true', the answer is indented for people. Browsers, curl and wget get it so unless this is 'false'.",
}

/** The fields of an options kind that can stand in a query: single values and lists of them. */
function optionParameters(definition: string, words: Words): Parameter[] {
  const parameters: Parameter[] = []
  for (const [name, field] of Object.entries(definitionNamed(definition).properties ?? {})) {
    if (name === 'kind' || name === 'apiVersion') continue
    const { type, format } = field.type === 'array' ? (field.items ?? {}) : field
    const isPlain = type === 'boolean' || type === 'integer' || (type === 'string' && format === undefined)
    if (isPlain) parameters.push({ name, in: 'query', type, description: words.get(`${definition} ${name}`) ?? '' })
  }
  return parameters
}

/** How operations on a subresource differ from those on the object: nothing, or the part they act on. */
type Part = Pick<ServedSubresource, 'name' | 'kind'>

/** Makes the operations of one kind. */
class Operations {
  readonly #resource: ServedResource
  readonly #words: Words

  constructor(resource: ServedResource, words: Words) {
    this.#resource = resource
    this.#words = words
  }

  list(address: readonly Parameter[], after = ''): Operation {
    const { kind } = this.#resource
    return this.#operation('get', 'list', this.#id('list', { after }), {
      description: `list or watch objects of kind ${kind.kind}`,
      produces: this.#resource.custom === undefined ? watchTypes : customTypes,
      parameters: [...address, pretty, ...this.#options('ListOptions')],
      responses: answers(this.#list(), 200),
    })
  }

  watch(address: readonly Parameter[], after: string): Operation {
    const { kind } = this.#resource.kind
    return this.#operation('get', after === '' ? 'watch' : 'watchlist', this.#id('watch', { after }), {
      description: `watch changes of ${after === '' ? 'an object' : 'objects'} of kind ${kind}; deprecated: list with the parameter 'watch' instead`,
      produces: watchTypes,
      parameters: [...address, pretty, ...this.#options('ListOptions')],
      responses: answers(watchContent, 200),
    })
  }

  get(address: readonly Parameter[], part?: Part): Operation {
    return this.#operation('get', 'get', this.#id('read', { part }), {
      description: `read ${this.#target(part)}`,
      parameters: [...address, pretty],
      responses: answers(this.#content(part), 200),
      part,
    })
  }

  readLog(address: readonly Parameter[]): Operation {
    const part = { name: 'log', kind: this.#resource.kind }
    return this.#operation('get', 'get', this.#id('read', { part }), {
      description: `read ${this.#target(part)}`,
      produces: ['text/plain', ...objectTypes],
      parameters: [...address, pretty, ...optionParameters('io.k8s.api.core.v1.PodLogOptions', this.#words)],
      responses: answers('string', 200),
      part,
    })
  }

  create(address: readonly Parameter[], part?: Part): Operation {
    const { kind } = this.#resource.kind
    return this.#operation('post', 'post', this.#id('create', { part }), {
      description: part === undefined ? `create a ${kind}` : `create ${part.name} of a ${kind}`,
      parameters: [...address, pretty, ...this.#options('CreateOptions')],
      body: { definition: this.#definition(part?.kind ?? this.#resource.kind), required: true },
      responses: answers(this.#content(part), 200, 201, 202),
      part,
    })
  }

  replace(address: readonly Parameter[], part?: Part): Operation {
    return this.#operation('put', 'put', this.#id('replace', { part }), {
      description: `replace ${this.#target(part)}`,
      parameters: [...address, pretty, ...this.#options('UpdateOptions')],
      body: { definition: this.#definition(part?.kind ?? this.#resource.kind), required: true },
      responses: answers(this.#content(part), 200, 201),
      part,
    })
  }

  patch(address: readonly Parameter[], part?: Part): Operation {
    return this.#operation('patch', 'patch', this.#id('patch', { part }), {
      description: `partially update ${this.#target(part)}`,
      consumes: this.#resource.custom === undefined ? patchTypes : customPatchTypes,
      parameters: [...address, pretty, ...this.#options('PatchOptions')],
      body: { definition: patchDefinition, required: true },
      responses: answers(this.#content(part), 200, 201),
      part,
    })
  }

  delete(address: readonly Parameter[]): Operation {
    const { kind, answersDeleted } = this.#resource
    return this.#operation('delete', 'delete', this.#id('delete'), {
      description: `delete a ${kind.kind}`,
      parameters: [...address, pretty, ...this.#options('DeleteOptions')],
      body: { definition: deleteOptions, required: false },
      responses: answers(answersDeleted ? { definition: this.#definition(kind) } : statusContent, 200, 202),
    })
  }

  deleteCollection(address: readonly Parameter[]): Operation {
    const lists = this.#options('ListOptions').filter(({ name }) => name !== 'watch' && name !== 'allowWatchBookmarks')
    return this.#operation('delete', 'deletecollection', this.#id('delete', { before: 'Collection' }), {
      description: `delete collection of ${this.#resource.kind.kind}`,
      parameters: [...address, pretty, ...lists, ...this.#options('DeleteOptions')],
      body: { definition: deleteOptions, required: false },
      responses: answers(statusContent, 200),
    })
  }

  /** One operation for each method with which a connection can be opened. */
  connect(address: readonly Parameter[], part: Part, after: string): Operation[] {
    const methods: readonly Method[] =
      part.name === 'proxy' ? ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] : ['get', 'post']
    return methods.map((method) =>
      this.#operation(method, 'connect', this.#id('connect', { before: capital(method), part, after }), {
        description: `connect ${method.toUpperCase()} requests to ${part.name} of ${this.#resource.kind.kind}`,
        produces: anyType,
        parameters: [...address, ...optionParameters(definitionOf(part.kind), this.#words)],
        responses: answers('string', 200),
        part,
      }),
    )
  }

  #operation(
    method: Method,
    action: string,
    id: string,
    rest: Pick<Operation, 'description' | 'parameters' | 'responses'> &
      Partial<Pick<Operation, 'consumes' | 'produces' | 'body'>> & { part?: Part | undefined },
  ): Operation {
    const { part, ...words } = rest
    const { kind } = this.#resource
    const tag = `${groupWord(kind.group)}_${kind.version}`
    const isCustom = this.#resource.custom !== undefined
    const types = isCustom
      ? { consumes: customTypes, produces: customTypes }
      : { consumes: anyType, produces: objectTypes }
    return { method, id, tag, action, kind: part?.kind ?? kind, ...types, ...words }
  }

  /** The name of an operation: the verb, the group and version, the scope, the kind, its part. */
  #id(
    verb: string,
    { before = '', part, after = '' }: { before?: string; part?: Part | undefined; after?: string } = {},
  ): string {
    const { kind, scope } = this.#resource
    const isScoped = scope === 'Namespaced' && !after.endsWith('ForAllNamespaces')
    const place = `${capital(groupWord(kind.group))}${capital(kind.version)}`
    return `${verb}${place}${before}${isScoped ? 'Namespaced' : ''}${kind.kind}${capital(part?.name ?? '')}${after}`
  }

  #options(name: string): Parameter[] {
    return optionParameters(`${metaPrefix}${name}`, this.#words)
  }

  #content(part: Part | undefined): Content {
    return { definition: this.#definition(part?.kind ?? this.#resource.kind) }
  }

  /** What a list answers with. */
  #list(): Content {
    const { kind, custom } = this.#resource
    const list = { ...kind, kind: custom?.listKind ?? `${kind.kind}List` }
    return { definition: custom === undefined ? definitionOf(list) : customDefinitionName(list) }
  }

  /** The definition of a kind that travels: the resource's own, or a built-in one. */
  #definition(kind: GroupVersionKind): string {
    return this.#resource.custom !== undefined && kind.kind === this.#resource.kind.kind
      ? customDefinitionName(kind)
      : definitionOf(kind)
  }

  #target(part: Part | undefined): string {
    return `${part === undefined ? '' : `${part.name} of `}the specified ${this.#resource.kind.kind}`
  }
}

/** The definition of a kind; throws for kinds that the schema does not have. */
function definitionOf(kind: GroupVersionKind): string {
  const found = schemaOfKind(kind)?.definition
  if (found === undefined) throw new Error(`Cannot find a definition of ${kind.group}/${kind.version} ${kind.kind}`)
  return found
}
