// Conversion by a server of the user's: asked with a ConversionReview, and not trusted with more than the content.
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { ConversionReview } from '#api/apiextensions/v1/conversionReview.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { messageOf } from '#lib/errorText.ts'
import { copyJson } from '#lib/encoding/copyJson.ts'
import { isObject } from '#machinery/schema/model.ts'
import { validateCommon } from '#machinery/validate/objectMeta.ts'
import { createReport, problemMessage } from '#machinery/validate/report.ts'
import type { ClusterView } from '../../admission/chain.ts'
import { plainFailure } from '../../errors.ts'
import type { WebhookCaller } from '../../webhooks/caller.ts'
import type { ConversionMetrics, ConversionOutcome } from '../../metrics/conversionMetrics.ts'
import { goType } from './rules.ts'
import type { Conversion } from './view.ts'

export interface WebhookConversionContext {
  readonly webhooks: WebhookCaller
  readonly cluster: ClusterView
  /** Tells questions apart. */
  readonly newUid: () => string
  /** Told of every question. */
  readonly conversions: Pick<ConversionMetrics, 'asked'>
}

const timeoutMs = 30_000
/** Objects in one question, and their size as JSON; answers are bounded, and so are the servers that give them. */
const most = { objects: 200, size: 1_000_000 }

/** The conversion of a definition with a webhook. */
export function webhookConversion(
  { spec, metadata: { name: definition } }: CustomResourceDefinition,
  context: WebhookConversionContext,
): Conversion {
  const { clientConfig = {}, conversionReviewVersions = [] } = spec.conversion?.webhook ?? {}
  const review = conversionReviewVersions.find((version) => version === 'v1' || version === 'v1beta1')

  const ask = async (objects: readonly KubeObject[], apiVersion: string): Promise<readonly KubeObject[]> => {
    const [first] = objects
    const what = `conversion webhook for ${first!.apiVersion}, Kind=${first!.kind}`
    const refuse = (why: string): never => {
      throw plainFailure(500, why)
    }
    if (review === undefined) return refuse('no supported conversion review versions')
    const uid = context.newUid()
    const body = {
      kind: 'ConversionReview',
      apiVersion: `apiextensions.k8s.io/${review}`,
      request: { uid, desiredAPIVersion: apiVersion, objects },
    }
    const began = context.cluster.now
    const tell = (failure?: ConversionOutcome['failure']): void => {
      const names = { definition, from: versionOf(first!.apiVersion), to: versionOf(apiVersion) }
      const milliseconds = context.cluster.now - began
      context.conversions.asked({ ...names, milliseconds, ...(failure === undefined ? {} : { failure }) })
    }
    let answer: unknown
    try {
      answer = await context.webhooks.call({ config: clientConfig, body, timeoutMs, cluster: context.cluster })
    } catch (error) {
      tell('conversion_call_failure')
      return refuse(`${what} failed: ${messageOf(error)}`)
    }
    const problem = answerProblem(answer, review, uid)
    tell(problem === undefined ? undefined : 'conversion_malformed_response_failure')
    if (problem !== undefined) return refuse(`${what} failed: ${problem}`)
    const converted = ((answer as ConversionReview).response?.convertedObjects ?? []) as readonly unknown[]
    if (converted.length !== objects.length) {
      return refuse(`${what} returned ${converted.length} objects, expected ${objects.length}`)
    }
    const isOne = objects.length === 1
    return objects.map((object, index) => {
      const result = restored(object, converted[index], apiVersion)
      return 'problem' in result
        ? refuse(`${what} returned invalid ${wrongPart(result, isOne, index)}: ${result.problem}`)
        : result.object
    })
  }

  return {
    async convert(objects, apiVersion) {
      const results: KubeObject[] = []
      for (const some of portionsOf(objects)) results.push(...(await ask(some, apiVersion)))
      return results
    },
  }
}

const versionOf = (apiVersion = ''): string => apiVersion.slice(apiVersion.indexOf('/') + 1)

/** Objects in portions that one question can hold. */
function portionsOf(objects: readonly KubeObject[]): KubeObject[][] {
  const portions: KubeObject[][] = []
  let size = 0
  for (const object of objects) {
    const own = JSON.stringify(object).length
    const last = portions.at(-1)
    if (last === undefined || last.length >= most.objects || size + own > most.size) {
      portions.push([object])
      size = own
    } else {
      last.push(object)
      size += own
    }
  }
  return portions
}

/** Why an answer cannot be used at all. */
function answerProblem(answer: unknown, review: string, uid: string): string | undefined {
  const { kind, apiVersion, response } = isObject(answer) ? (answer as Partial<ConversionReview>) : {}
  const wanted = `apiextensions.k8s.io/${review}`
  const form = (version: unknown, name: unknown): string => `${String(version ?? '')}, Kind=${String(name ?? '')}`
  if (review === 'v1' && (kind !== 'ConversionReview' || apiVersion !== wanted)) {
    return `expected webhook response of ${form(wanted, 'ConversionReview')}, got ${form(apiVersion, kind)}`
  }
  if (!isObject(response)) return 'no response provided'
  if (review === 'v1' && response.uid !== uid) {
    return `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`
  }
  const { status = '', message = '' } = isObject(response.result) ? response.result : {}
  if (status === 'Success') return undefined
  return message !== '' ? String(message) : `response.result.status was '${status}', not 'Success'`
}

interface Wrong {
  readonly part: 'form' | 'object' | 'metadata'
  readonly problem: string
}

/** What messages call the part that is wrong; they differ for one object and for lists. */
function wrongPart({ part }: Wrong, isOne: boolean, index: number): string {
  if (isOne) return part === 'form' ? 'object at index 0' : part
  return part === 'metadata' ? `metadata in object at index ${index}` : `converted object at index ${index}`
}

/** The converted object with the metadata that it had; only labels and annotations may have changed. */
function restored(
  original: KubeObject,
  converted: unknown,
  apiVersion: string,
): { readonly object: KubeObject } | Wrong {
  const object = (isObject(converted) ? converted : {}) as Partial<KubeObject>
  if (object.apiVersion !== apiVersion) {
    const problem = `invalid groupVersion (expected ${apiVersion}, received ${String(object.apiVersion ?? '')})`
    return { part: 'form', problem }
  }
  if (object.kind !== original.kind) {
    const problem = `invalid kind (expected ${original.kind}, received ${String(object.kind ?? '')})`
    return { part: 'form', problem }
  }
  const { metadata: given } = object
  if (given === undefined) return { part: 'metadata', problem: 'missing metadata in converted object' }
  if (!isObject(given)) {
    return { part: 'metadata', problem: `invalid metadata of type ${goType(given)} in converted object` }
  }
  for (const [field, word] of sameFields) {
    const [before, after] = [original.metadata[field] ?? '', given[field] ?? '']
    if (before !== after)
      return { part: 'object', problem: `must have the same ${word}: ${before} != ${String(after)}` }
  }
  const { labels: _, annotations: __, ...rest } = copyJson(original.metadata)
  const metadata: ObjectMeta = rest
  for (const field of ['labels', 'annotations'] as const) {
    const problem = copyTexts(metadata, field, given[field])
    if (problem !== undefined) return { part: 'metadata', problem }
  }
  return { object: { ...(object as KubeObject), metadata } }
}

const sameFields = [
  ['name', 'name'],
  ['namespace', 'namespace'],
  ['uid', 'UID'],
] as const

/** Takes over labels or annotations; what is wrong with them, if so. */
function copyTexts(metadata: ObjectMeta, field: 'labels' | 'annotations', given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined
  if (!isObject(given)) return `invalid metadata.${field} of type ${goType(given)} in converted object`
  for (const [key, value] of Object.entries(given)) {
    if (typeof value === 'string') continue
    return `metadata.${field}[${key}] must be a string, but is ${goType(value)} in converted object`
  }
  metadata[field] = given as Record<string, string>
  const { report, problems } = createReport()
  validateCommon({ [field]: metadata[field] }, report.at('metadata'))
  const texts = problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
  return texts.length <= 1 ? texts[0] : `[${texts.join(', ')}]`
}
