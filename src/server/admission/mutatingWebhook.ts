import type { MutatingWebhook } from '#api/admissionregistration/v1/mutatingWebhookConfiguration.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { messageOf } from '#lib/errorText.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { decodeValue } from '#machinery/codec/schemaDecoder.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { applyJsonPatch, readJsonPatch } from '#machinery/patch/json.ts'
import type { Json } from '#machinery/patch/merge.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import { internalError } from '#machinery/status.ts'
import { replaceContents } from '../objects.ts'
import type { WebhookCaller } from '../webhooks/caller.ts'
import type { AdmissionPlugin, AdmissionRequest, ClusterView } from './chain.ts'
import { noPluginMetrics, type PluginMetrics } from './pluginMetrics.ts'
import type { AskAccess } from './policies/input.ts'
import { conditionsHold } from './webhooks/conditions.ts'
import { invocationsOf, wantSecondRound } from './reinvocation.ts'
import { askWebhook, CallError, RequestForms, settleFailure, wantedForm } from './webhooks/call.ts'
import { isExempt, mutatingHooks, type Hook } from './webhooks/hooks.ts'
import type { Shown } from './webhooks/review.ts'

const name = 'MutatingAdmissionWebhook'
const auditPrefix = 'mutation.webhook.admission.k8s.io/'

/** Lets webhooks change objects, one after another, in the order of their configurations' names. */
export function mutatingWebhook(
  caller: WebhookCaller,
  access: AskAccess,
  metrics: PluginMetrics = noPluginMetrics,
): AdmissionPlugin {
  return {
    name,
    admit(request, cluster) {
      const hooks = mutatingHooks(cluster)
      return hooks.length === 0 || isExempt(request.resource)
        ? undefined
        : askAll(caller, access, metrics, hooks, request, cluster)
    },
  }
}

async function askAll(
  caller: WebhookCaller,
  access: AskAccess,
  metrics: PluginMetrics,
  hooks: readonly Hook<MutatingWebhook>[],
  request: AdmissionRequest,
  cluster: ClusterView,
): Promise<void> {
  const invocations = invocationsOf(request, name)
  invocations.begin(request.object)
  const round = invocations.isSecondRound ? 1 : 0
  const forms = new RequestForms(request, cluster)
  let asked = false
  for (const [index, hook] of hooks.entries()) {
    const form = wantedForm(hook.webhook, request, forms, cluster)
    if (form === undefined || !invocations.isWanted(hook.id)) continue
    const shown = await forms.show(form)
    if (!conditionsHold(hook.webhook, request, shown, cluster, access)) continue
    asked = true
    const place = `round_${round}_index_${index}`
    let changed = false
    try {
      changed = await askOne(caller, metrics, hook, request, shown, forms, cluster, place)
    } catch (error) {
      settleFailure(hook.webhook, error)
      request.annotate(`failed-open.${auditPrefix}${place}`, hook.webhook.name)
    }
    if (changed) {
      invocations.recall()
      wantSecondRound(request)
    }
    if (hook.webhook.reinvocationPolicy === 'IfNeeded') invocations.remember(hook.id)
  }
  if (asked) invocations.end(request.object)
}

/** Asks one webhook and carries its patch out. Resolves with whether the object is another one then. */
async function askOne(
  caller: WebhookCaller,
  metrics: PluginMetrics,
  hook: Hook<MutatingWebhook>,
  request: AdmissionRequest,
  shown: Shown,
  forms: RequestForms,
  cluster: ClusterView,
  place: string,
): Promise<boolean> {
  const { configuration, webhook } = hook
  const names = { configuration, webhook: webhook.name }
  let mutated = false
  try {
    const { patch = '' } = await askWebhook(caller, hook, request, shown, cluster, true, metrics)
    if (patch === '') return false
    const operations = readPatch(patch, webhook.name)
    if (operations.length === 0) return false
    const { object } = request
    if (object === undefined || shown.object === undefined) {
      const why = 'attempted to modify the object, which is not supported for this operation'
      throw internalError(`admission webhook ${JSON.stringify(webhook.name)} ${why}`)
    }
    const patched = applyPatch(shown.object, operations)
    if (sameJson(patched, shown.object)) return false
    const read = await readPatched(patched, request, shown.resource, forms)
    mutated = !sameJson(read, object)
    if (mutated) {
      replaceContents(object, read)
      request.onRewrite?.()
    }
    request.annotate(
      `patch.webhook.admission.k8s.io/${place}`,
      JSON.stringify({ ...names, patch: operations, patchType: 'JSONPatch' }),
    )
    return mutated
  } finally {
    request.annotate(`${auditPrefix}${place}`, JSON.stringify({ ...names, mutated }))
  }
}

function readPatch(text: string, webhook: string): ReturnType<typeof readJsonPatch> {
  try {
    return readJsonPatch(JSON.parse(text) as Json)
  } catch (error) {
    const why = `received undecodable patch in webhook response: ${messageOf(error)}`
    throw new CallError(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`)
  }
}

function applyPatch(object: KubeObject, operations: ReturnType<typeof readJsonPatch>): Json {
  try {
    return applyJsonPatch(object as unknown as Json, operations)
  } catch (error) {
    throw internalError(messageOf(error))
  }
}

/** What a webhook made, as an object in the form in which the request holds it. */
function readPatched(
  patched: Json,
  { objectKind }: AdmissionRequest,
  shownAs: Pick<Resource, 'group' | 'version'>,
  forms: RequestForms,
): KubeObject | Promise<KubeObject> {
  if (objectKind === undefined) return forms.formOf(shownAs)!.read(patched)
  const schema = schemaOfKind(objectKind)!
  const decoded = decodeValue(schema, patched)
  if ('problem' in decoded) throw internalError(decoded.problem)
  const object = decoded.value as unknown as KubeObject
  applyDefaults(schema, object)
  return object
}
