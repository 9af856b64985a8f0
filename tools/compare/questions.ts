// Asks our server what the recorded one was asked, in the same words.
import { allResources } from '#api/index.ts'
import { apiVersionOf, type Resource } from '#api/resource.ts'
import type { JsonObject } from '#machinery/schema/model.ts'
import { readGolden, scrubbed, setAt, withoutUids, type Comparison } from './golden.ts'

/** Sends a request to our server. */
export interface Asker {
  ask(
    method: string,
    path: string,
    options?: { readonly headers?: Record<string, string>; readonly body?: string | object },
  ): Promise<Answer>
}

export interface Answer {
  readonly code: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

interface Thing extends JsonObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
}

interface RecordedDefault {
  readonly name: string
  readonly request: Thing
  readonly code: number
  readonly response: unknown
}

interface RecordedError {
  readonly base: string
  readonly set: string
  readonly to: unknown
  readonly code: number
  readonly reason?: string
  readonly message?: string
  readonly causes?: readonly JsonObject[]
}

interface RecordedPatch {
  readonly note: string
  readonly base: Thing
  readonly before: unknown
  readonly type: string
  readonly patch: unknown
  readonly code: number
  readonly after?: unknown
  readonly message?: string
}

interface RecordedRequest {
  readonly note: string
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers?: Record<string, string>
    readonly body?: string | object
  }
  readonly code: number
  readonly contentType?: string
  readonly body: unknown
}

const resourceOf = (apiVersion: string, kind: string): Resource | undefined =>
  allResources.find((resource) => apiVersionOf(resource) === apiVersion && resource.kind === kind)

/** Where objects of a kind are, in the namespace `default` where they have one; undefined for kinds that are not served. */
function collectionOf({ apiVersion, kind }: Thing): string | undefined {
  const resource = resourceOf(apiVersion, kind)
  if (resource === undefined) return undefined
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${apiVersion}`
  return `${root}${resource.scope === 'Namespaced' ? '/namespaces/default' : ''}/${resource.plural}`
}

const body = ({ text }: Answer): any => JSON.parse(text)

/** What the server makes of small objects. */
export async function askDefaults(directory: string, server: Asker): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const { name, request, code, response } of readGolden<RecordedDefault[]>(directory, 'defaults.json')) {
    const collection = collectionOf(request)
    if (collection === undefined) continue
    const answer = await server.ask('POST', `${collection}?dryRun=All&fieldManager=golden`, { body: request })
    comparisons.push({
      file: 'defaults.json',
      what: name,
      recorded: { code, response: scrubbed(response) },
      ours: {
        code: answer.code,
        response: answer.code < 300 ? scrubbed(body(answer)) : { message: body(answer).message },
      },
    })
  }
  return comparisons
}

/** The names of recorded questions about one wrong field. */
const errorName = ({ base, set, to }: RecordedError): string => `${base} ${set} ${JSON.stringify(to)}`

/** How the server refuses objects with one wrong field. */
export async function askFieldErrors(directory: string, server: Asker): Promise<Comparison[]> {
  const bases = new Map(readGolden<RecordedDefault[]>(directory, 'defaults.json').map((d) => [d.name, d.request]))
  const comparisons: Comparison[] = []
  for (const recorded of readGolden<RecordedError[]>(directory, 'field-errors.json')) {
    const base = bases.get(recorded.base)
    const collection = base === undefined ? undefined : collectionOf(base)
    if (collection === undefined) continue
    const wrong = structuredClone(base) as JsonObject
    setAt(wrong, recorded.set, wrongValue(recorded.to))
    const answer = await server.ask('POST', `${collection}?dryRun=All&fieldValidation=Strict`, { body: wrong })
    const { code, reason, message, causes } = recorded
    comparisons.push({
      file: 'field-errors.json',
      what: errorName(recorded),
      recorded: scrubbed({ code, reason, message, causes }),
      ours: scrubbed({ code: answer.code, ...(answer.code < 300 ? {} : refusal(body(answer))) }),
    })
  }
  return comparisons
}

/** The value that was set: nothing where the field was taken away, and what large values were like. */
function wrongValue(to: unknown): unknown {
  const size = typeof to === 'string' ? /^\((\d+) bytes\)$/.exec(to)?.[1] : undefined
  if (size !== undefined) return { a: 'x'.repeat(Number(size) - JSON.stringify({ a: '' }).length) }
  return to ?? undefined
}

/** A refusal as the recording has it: long texts are cut. */
function refusal({ reason, message, details }: any): object {
  const causes = details?.causes?.map((cause: any) => ({
    reason: cause.reason,
    field: cause.field,
    message: cause.message.slice(0, 600),
  }))
  return { reason, message: message.slice(0, 1200), causes }
}

/** The columns of tables. */
export async function askTableColumns(directory: string, server: Asker): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const [name, columns] of Object.entries(readGolden<Record<string, unknown>>(directory, 'table-columns.json'))) {
    const at = name.lastIndexOf('/')
    const thing = { apiVersion: name.slice(0, at), kind: name.slice(at + 1), metadata: { name: '' } }
    const collection = collectionOf(thing)
    if (collection === undefined) continue
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
    const answer = await server.ask('GET', `${collection}?limit=1`, { headers: { accept } })
    const ours = body(answer).columnDefinitions?.map(({ name: word, type, format, priority }: any) =>
      [word, type, format, priority].filter((part, i) => i < 2 || part),
    )
    comparisons.push({ file: 'table-columns.json', what: name, recorded: columns, ours })
  }
  return comparisons
}

/** What patches do to objects that exist. */
export async function askPatches(directory: string, server: Asker): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const { note, base, before, type, patch, code, after, message } of readGolden<RecordedPatch[]>(
    directory,
    'patches.json',
  )) {
    const collection = collectionOf(base)
    if (collection === undefined) continue
    const path = `${collection}/${base.metadata.name}`
    await server.ask('DELETE', path)
    const created = await server.ask('POST', collection, { body: base })
    const text = typeof patch === 'string' ? patch : JSON.stringify(patch)
    const answer = await server.ask('PATCH', path, { body: text, headers: { 'content-type': type } })
    await server.ask('DELETE', `${path}?gracePeriodSeconds=0`)
    comparisons.push({
      file: 'patches.json',
      what: note,
      recorded: scrubbed({ before, code, after, message }),
      ours: scrubbed({
        before: body(created),
        code: answer.code,
        ...(answer.code < 300 ? { after: body(answer) } : { message: body(answer).message }),
      }),
    })
  }
  return comparisons
}

/** How the server answers wrong and odd requests. */
export async function askRestErrors(directory: string, server: Asker): Promise<Comparison[]> {
  const configMaps = '/api/v1/namespaces/default/configmaps'
  await server.ask('POST', configMaps, { body: { metadata: { name: 'dup' } } })
  const comparisons: Comparison[] = []
  for (const recorded of readGolden<RecordedRequest[]>(directory, 'rest-errors.json')) {
    const { method, path, headers = {}, body: sent } = recorded.request
    const size = typeof sent === 'string' ? /^\((\d+) bytes\)$/.exec(sent)?.[1] : undefined
    const text = size === undefined ? sent : `{"data":{"a":"${'x'.repeat(Number(size))}"}}`
    const answer = await server.ask(method, path, { headers, ...(text === undefined ? {} : { body: text }) })
    comparisons.push({
      file: 'rest-errors.json',
      what: recorded.note,
      recorded: comparable({ code: recorded.code, contentType: recorded.contentType, body: recorded.body }),
      ours: comparable({ code: answer.code, contentType: answer.headers['content-type'], body: restBody(answer) }),
    })
  }
  return comparisons
}

/** The kinds of a fresh cluster's objects that are compared; what fills the others in is no part of the server. */
const bootstrapKinds = ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'] as const

/** The roles and bindings that a cluster begins with. */
export async function askBootstrap(directory: string, server: Asker): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  const recorded = readGolden<Record<(typeof bootstrapKinds)[number], Thing[]>>(directory, 'bootstrap.json')
  for (const plural of bootstrapKinds) {
    for (const { apiVersion: _, kind: __, ...object } of recorded[plural]) {
      const { name, namespace } = object.metadata as { name: string; namespace?: string }
      const scope = namespace === undefined ? '' : `namespaces/${namespace}/`
      const answer = await server.ask('GET', `/apis/rbac.authorization.k8s.io/v1/${scope}${plural}/${name}`)
      const { apiVersion: ___, kind: ____, ...ours } = body(answer)
      comparisons.push({
        file: 'bootstrap.json',
        what: `${plural} ${scope}${name}`,
        recorded: inOrder(object),
        ours: inOrder(scrubbed(ours) as JsonObject),
      })
    }
  }
  return comparisons
}

/**
 * A role whose rules are texts that can be told apart: the verbs by groups, resources and names, with dots for slashes,
 * which lead further down in the list of differences. Rules that a controller gathers are left out.
 */
function inOrder({ rules, aggregationRule, ...rest }: JsonObject): JsonObject {
  if (aggregationRule !== undefined) return { ...rest, aggregationRule }
  if (rules === undefined) return rest
  const texts: Record<string, string> = {}
  for (const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } of rules as Record<string, string[]>[]) {
    const lists = [apiGroups, resources, resourceNames, nonResourceURLs]
    const key = lists.map((list = []) => list.toSorted().join(' ').replaceAll('/', '.')).join('|')
    texts[key] = [texts[key] ?? [], verbs!.toSorted()].flat().join(' ')
  }
  return { ...rest, rules: texts }
}

/** An answer without uids, revisions and the items of lists: they are other ones in every cluster. */
function comparable(answer: object): unknown {
  const text = withoutUids(JSON.stringify(answer)).replace(/current: \d+/, 'current: 1')
  return JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'string' ? value.replace(/(?<=\nitems:\n- )[^]*/, '') : value,
  )
}

/** A body as the recording has it: a Status without its own kind, of other objects the kind, of text the beginning. */
function restBody({ text }: Answer): unknown {
  let value: any
  try {
    value = JSON.parse(text)
  } catch {
    return text.slice(0, 200)
  }
  if (value.kind !== 'Status') return { kind: value.kind }
  const { status, reason, code, message, details } = value
  return { status, reason, code, message, details }
}

interface RecordedApply {
  readonly note: string
  readonly query?: string
  readonly apply?: Thing
  readonly code: number
  readonly reason?: string
  readonly message?: string
  readonly causes?: unknown
  readonly object?: unknown
  readonly managedFields?: readonly JsonObject[]
}

/** Owners without their times, by name: the recorded ones wrote within one second. */
const owners = (entries: readonly JsonObject[] = []): object[] =>
  entries
    .map(({ time: _, ...entry }) => entry)
    .toSorted((a, b) => String(a['manager']).localeCompare(String(b['manager'])))

/** What applies make of objects and of who owns what in them, one after another. */
export async function askApply(directory: string, server: Asker): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const { note, query = '', apply, ...recorded } of readGolden<RecordedApply[]>(directory, 'apply.json')) {
    // The recorded update had no body that is known, and changed nothing.
    if (apply === undefined) continue
    const answer = await server.ask('PATCH', `${collectionOf(apply)!}/${apply.metadata.name}?${query}`, {
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: apply,
    })
    const said = body(answer)
    const ours =
      answer.code < 300
        ? { object: scrubbed(said), managedFields: owners(said.metadata.managedFields) }
        : { reason: said.reason, message: said.message, causes: said.details?.causes }
    const { managedFields } = recorded
    const expected = managedFields === undefined ? recorded : { ...recorded, managedFields: owners(managedFields) }
    comparisons.push({ file: 'apply.json', what: note, recorded: expected, ours: { code: answer.code, ...ours } })
  }
  return comparisons
}
