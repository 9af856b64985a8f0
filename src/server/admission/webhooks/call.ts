// One webhook asked about one request.
import type { MutatingWebhook } from '#api/admissionregistration/v1/mutatingWebhookConfiguration.ts'
import type { ValidatingWebhook } from '#api/admissionregistration/v1/validatingWebhookConfiguration.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { messageOf } from '#lib/errorText.ts'
import { badRequest, internalError } from '#machinery/status.ts'
import type { WebhookCaller } from '../../webhooks/caller.ts'
import type { AdmissionRequest, ClusterView, VersionForm } from '../chain.ts'
import type { Hook } from './hooks.ts'
import type { PluginMetrics, WebhookOutcome } from '../pluginMetrics.ts'
import { matchForm, namespaceMatches, objectMatches, type Forms } from './match.ts'
import { denial, readAnswer, reviewOf, reviewVersion, type Answer, type Shown } from './review.ts'

export type Webhook = MutatingWebhook | ValidatingWebhook

/** A webhook gave no answer, or none that can be used: its failure policy says what comes of it. */
export class CallError extends Error {}

/** The versions of what a request is about: first the one that was asked for. */
export class RequestForms {
  readonly #request: AdmissionRequest
  readonly #forms: readonly VersionForm[]
  readonly names: Forms

  constructor(request: AdmissionRequest, cluster: ClusterView) {
    const { requested, objectKind, resource } = request
    const isRequested = (form: VersionForm): boolean =>
      form.resource.group === requested.group && form.resource.version === requested.version
    const all = cluster.forms(resource)
    this.#request = request
    // What travels in the object's place has no other versions.
    this.#forms = [
      ...all.filter(isRequested),
      ...(objectKind === undefined ? all.filter((each) => !isRequested(each)) : []),
    ]
    this.names = [requested, ...this.#forms.slice(1).map((form) => form.resource)]
  }

  /** The form of a name that `matchForm` chose. */
  formOf(names: Pick<Resource, 'group' | 'version'>): VersionForm | undefined {
    return this.#forms.find(({ resource }) => resource.group === names.group && resource.version === names.version)
  }

  /** What a webhook is shown that asked for this version. */
  async show(names: Pick<Resource, 'group' | 'version' | 'plural'>): Promise<Shown> {
    const { requested, object, old, objectKind } = this.#request
    const form = objectKind === undefined ? this.formOf(names) : undefined
    const shownAs = async (each: KubeObject | undefined): Promise<KubeObject | undefined> =>
      each === undefined || form === undefined ? each : form.show(each)
    const kindOf = (each: Pick<Resource, 'group' | 'version'>) => {
      const { group, version, kind } = objectKind ?? this.formOf(each)?.resource ?? this.#request.resource
      return { group, version, kind }
    }
    return {
      resource: names,
      requested,
      kind: kindOf(names),
      requestKind: kindOf(requested),
      object: await shownAs(object),
      old: await shownAs(old),
    }
  }
}

/** The version in which a webhook wants to see a request; undefined when the request is none of its concern. */
export function wantedForm(
  webhook: Webhook,
  request: AdmissionRequest,
  forms: RequestForms,
  cluster: ClusterView,
): Pick<Resource, 'group' | 'version' | 'plural'> | undefined {
  if (!objectMatches(webhook.objectSelector, request)) return undefined
  const form = matchForm(webhook, request, forms.names)
  return form !== undefined && namespaceMatches(webhook.namespaceSelector, request, cluster) ? form : undefined
}

const defaultTimeoutSeconds = 10
/** As what a call counts that was not answered. */
const serviceUnavailable = 503

/** Asks a webhook. Throws a CallError when it cannot be asked, a StatusError when it refuses. */
export async function askWebhook(
  caller: WebhookCaller,
  { webhook }: Hook<Webhook>,
  request: AdmissionRequest,
  shown: Shown,
  cluster: ClusterView,
  mutating: boolean,
  metrics: PluginMetrics,
): Promise<Answer> {
  const { name, sideEffects, clientConfig, admissionReviewVersions, timeoutSeconds = defaultTimeoutSeconds } = webhook
  if (request.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') {
    throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`)
  }
  const uid = cluster.newUid()
  const began = cluster.now
  const tell = (result: WebhookOutcome['result'], code: number): void => {
    const milliseconds = cluster.now - began
    const type = mutating ? 'admit' : 'validating'
    request.waited?.(milliseconds)
    metrics.webhookAsked({ name, type, operation: request.operation, milliseconds, code, result })
  }
  let answer: Answer
  try {
    const version = reviewVersion(admissionReviewVersions)
    const body = reviewOf(request, shown, version, uid)
    const said = await caller
      .call({ config: clientConfig, body, timeoutMs: timeoutSeconds * 1_000, cluster })
      .catch((error: unknown) => {
        throw new Error(`failed to call webhook: ${messageOf(error)}`, { cause: error })
      })
    answer = readAnswer(said, uid, version, mutating)
  } catch (error) {
    tell(webhook.failurePolicy === 'Ignore' ? 'ignored' : 'failed', serviceUnavailable)
    throw new CallError(`failed calling webhook ${JSON.stringify(name)}: ${messageOf(error)}`, { cause: error })
  }
  for (const [key, value] of Object.entries(answer.auditAnnotations)) request.annotate(`${name}/${key}`, value)
  for (const warning of answer.warnings) request.warn(warning)
  if (!answer.allowed) {
    const refusal = denial(name, answer.status)
    tell('refused', refusal.code)
    throw refusal
  }
  tell('allowed', 200)
  return answer
}

/** What a failed call means: nothing where the webhook's failures are to be ignored. Throws what is no failed call. */
export function settleFailure({ failurePolicy }: Webhook, error: unknown): void {
  if (!(error instanceof CallError)) throw error
  if (failurePolicy !== 'Ignore') throw internalError(error.message)
}
