import type { DeleteOptions } from '#api/meta/v1/options.ts'
import { parseFieldSelector, type FieldRequirements } from '#machinery/fieldSelector.ts'
import { parseLabelSelector, SelectorError, type LabelRequirements } from '#machinery/labelSelector.ts'
import { badRequest, invalid } from '#machinery/status.ts'
import { createReport, problemCauses, type Report } from '#machinery/validate/report.ts'
import type { Kind } from './kind.ts'
import type { ServerRequest } from './request.ts'

/** The query of a request: every value of every name. */
export interface Query {
  get(name: string): string | null
  getAll(name: string): string[]
  has(name: string): boolean
}

export interface ListOptions {
  readonly labels: LabelRequirements
  readonly fields: FieldRequirements
  readonly watch: boolean
  readonly bookmarks: boolean
  /** As sent; read by `parseRevision` where it is needed. */
  readonly resourceVersion: string
  readonly match: '' | 'Exact' | 'NotOlderThan'
  readonly timeoutSeconds: number | undefined
  /** 0: no limit. */
  readonly limit: number
  readonly continue: string
  readonly sendInitialEvents: boolean | undefined
}

/** Reads the options of a list or watch; wrong ones are answered 400 or 422. */
export function parseListOptions(query: Query, kind: Kind): ListOptions {
  const options: ListOptions = withInitialEvents({
    labels: parseLabels(query.get('labelSelector') ?? ''),
    fields: selector(() => parseFieldSelector(query.get('fieldSelector') ?? '')),
    watch: parseFlag(query, 'watch') ?? false,
    bookmarks: parseFlag(query, 'allowWatchBookmarks') ?? false,
    resourceVersion: query.get('resourceVersion') ?? '',
    match: (query.get('resourceVersionMatch') ?? '') as ListOptions['match'],
    timeoutSeconds: parseInteger(query, 'timeoutSeconds'),
    limit: Math.max(0, parseInteger(query, 'limit') ?? 0),
    continue: query.get('continue') ?? '',
    sendInitialEvents: parseFlag(query, 'sendInitialEvents'),
  })
  refuse('ListOptions', (report) => (options.watch ? checkWatch(options, report) : checkList(options, report)))
  checkFields(options.fields, kind)
  return options
}

/**
 * A watch from nowhere in particular begins with what is there, as if it had asked for that (KEP-3157): clients that take
 * bookmarks are told where that ends.
 */
function withInitialEvents(options: ListOptions): ListOptions {
  if (!options.watch || options.sendInitialEvents !== undefined || options.match !== '') return options
  if (options.resourceVersion !== '' && options.resourceVersion !== '0') return options
  return { ...options, sendInitialEvents: true, match: 'NotOlderThan' }
}

function checkList(options: ListOptions, report: Report): void {
  const { match } = options
  const place = report.at('resourceVersionMatch')
  if (match !== '') {
    if (options.resourceVersion === '') {
      place.forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided')
    }
    if (options.continue !== '') place.forbidden('resourceVersionMatch is forbidden when continue is provided')
    if (match !== 'Exact' && match !== 'NotOlderThan') place.notSupported(match, ['Exact', 'NotOlderThan', ''])
    if (match === 'Exact' && options.resourceVersion === '0') {
      place.forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    }
  }
  if (options.sendInitialEvents !== undefined) {
    report.at('sendInitialEvents').forbidden('sendInitialEvents is forbidden for list')
  }
}

function checkWatch(options: ListOptions, report: Report): void {
  const { match } = options
  const place = report.at('resourceVersionMatch')
  if (options.sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    place.forbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  }
  if (match === '') return
  if (options.sendInitialEvents === undefined) {
    place.forbidden('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  }
  if (match !== 'NotOlderThan') place.notSupported(match, ['NotOlderThan'])
  if (options.continue !== '') place.forbidden('resourceVersionMatch is forbidden when continue is provided')
}

export interface WriteQuery {
  readonly dryRun: boolean
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore'
  readonly fieldManager: string
  /** An apply takes the fields of others. */
  readonly force: boolean
}

/** Reads the options of a create, update or patch. Only applies can be forced, and they must say who applies. */
export function parseWriteOptions(
  query: Query,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  applies = false,
): WriteQuery {
  const dryRun = query.getAll('dryRun')
  const fieldValidation = query.get('fieldValidation') ?? ''
  const fieldManager = query.get('fieldManager') ?? ''
  refuse(kind, (report) => {
    if (applies && fieldManager === '') report.at('fieldManager').required('is required for apply patch')
    if (!applies && kind === 'PatchOptions' && query.has('force') && parseFlag(query, 'force') !== undefined) {
      report.at('force').forbidden('may not be specified for non-apply patch')
    }
    checkFieldManager(fieldManager, report.at('fieldManager'))
    checkDryRun(dryRun, report.at('dryRun'))
    if (!['', 'Ignore', 'Strict', 'Warn'].includes(fieldValidation)) {
      report.at('fieldValidation').notSupported(fieldValidation, ['', 'Ignore', 'Strict', 'Warn'])
    }
  })
  return {
    dryRun: dryRun.length > 0,
    fieldValidation: fieldValidation === '' ? 'Warn' : (fieldValidation as WriteQuery['fieldValidation']),
    fieldManager,
    force: applies && parseFlag(query, 'force') === true,
  }
}

/** Checks the options of a deletion, wherever they came from. */
export function checkDeleteOptions(options: DeleteOptions): DeleteOptions {
  refuse('DeleteOptions', (report) => {
    const { propagationPolicy, orphanDependents } = options
    if (propagationPolicy !== undefined && orphanDependents !== undefined) {
      report
        .at('propagationPolicy')
        .invalid(propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set')
    }
    if (propagationPolicy !== undefined && !['Foreground', 'Background', 'Orphan'].includes(propagationPolicy)) {
      report.at('propagationPolicy').notSupported(propagationPolicy, ['Foreground', 'Background', 'Orphan', 'nil'])
    }
    checkDryRun(options.dryRun ?? [], report.at('dryRun'))
  })
  return options
}

/** The options of a deletion that came in the query. */
export function parseDeleteQuery(query: Query): DeleteOptions {
  const gracePeriodSeconds = parseInteger(query, 'gracePeriodSeconds')
  const orphanDependents = parseFlag(query, 'orphanDependents')
  const propagationPolicy = query.get('propagationPolicy')
  const dryRun = query.getAll('dryRun')
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(orphanDependents === undefined ? {} : { orphanDependents }),
    ...(propagationPolicy === null || propagationPolicy === ''
      ? {}
      : { propagationPolicy: propagationPolicy as NonNullable<DeleteOptions['propagationPolicy']> }),
    ...(dryRun.length === 0 ? {} : { dryRun }),
  }
}

/** The longest name of a field manager, in bytes. */
export const longestFieldManager = 128
/** What a field manager's name may not hold: all that Go does not print, and every space but the plain one. */
export const unprintable = /[^\P{C}]|[\p{Z}--[ ]]/gv

/** Checks the name of whoever owns fields. */
export function checkFieldManager(fieldManager: string, report: Report): void {
  if (Buffer.byteLength(fieldManager) > longestFieldManager) report.tooLong(longestFieldManager)
  else if (fieldManager.search(unprintable) >= 0) {
    report.invalid(fieldManager, 'should only contain printable characters')
  }
}

function checkDryRun(dryRun: readonly string[], report: Report): void {
  if (dryRun.some((each) => each !== 'All')) report.notSupported(dryRun, ['All'])
}

function refuse(kind: string, check: (report: Report) => void): void {
  const { report, problems } = createReport()
  check(report)
  if (problems.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', problemCauses(problems))
}

function parseLabels(text: string): LabelRequirements {
  return selector(() => parseLabelSelector(text))
}

/** Refuses fields that objects of the kind cannot be selected by. */
function checkFields(requirements: FieldRequirements, kind: Kind): void {
  const { selectableFields } = kind.strategy
  for (const { field } of requirements) {
    if (field === 'metadata.name' || (field === 'metadata.namespace' && kind.resource.scope === 'Namespaced')) continue
    if (selectableFields === undefined) {
      const known = kind.resource.scope === 'Namespaced' ? '"metadata.name", "metadata.namespace"' : '"metadata.name"'
      throw badRequest(`${JSON.stringify(field)} is not a known field selector: only ${known}`)
    }
    if (!Object.hasOwn(selectableFields, field)) throw badRequest(`field label not supported: ${field}`)
  }
}

function selector<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message)
    throw error
  }
}

/** Any text but `false` and `0` is true, even none. */
export function parseFlag(query: Query, name: string): boolean | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  return text.toLowerCase() !== 'false' && text !== '0'
}

/** A whole number; anything else is answered 400. */
export function parseInteger(query: Query, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  const number = Number(text)
  if (!Number.isSafeInteger(number)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`)
  }
  return number
}

/** Whether an answer is to be readable: asked for by `pretty`, otherwise for tools that people use. */
export function wantsPretty(request: Pick<ServerRequest, 'query' | 'header'>): boolean {
  const asked = parseFlag(request.query, 'pretty')
  if (asked !== undefined) return asked
  const agent = request.header('user-agent')
  return agent !== undefined && /^(curl|Wget|Mozilla\/5\.0)/.test(agent)
}
