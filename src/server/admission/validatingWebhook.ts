import type { ValidatingWebhook } from '#api/admissionregistration/v1/validatingWebhookConfiguration.ts'
import type { WebhookCaller } from '../webhooks/caller.ts'
import type { AdmissionPlugin, AdmissionRequest, ClusterView } from './chain.ts'
import { noPluginMetrics, type PluginMetrics } from './pluginMetrics.ts'
import type { AskAccess } from './policies/input.ts'
import { conditionsHold } from './webhooks/conditions.ts'
import { askWebhook, RequestForms, settleFailure, wantedForm } from './webhooks/call.ts'
import { isExempt, validatingHooks, type Hook } from './webhooks/hooks.ts'

const auditPrefix = 'validating.webhook.admission.k8s.io/'

/** Lets webhooks refuse requests. All are asked at the same time. */
export function validatingWebhook(
  caller: WebhookCaller,
  access: AskAccess,
  metrics: PluginMetrics = noPluginMetrics,
): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionWebhook',
    validate(request, cluster) {
      const hooks = validatingHooks(cluster)
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
  hooks: readonly Hook<ValidatingWebhook>[],
  request: AdmissionRequest,
  cluster: ClusterView,
): Promise<void> {
  const forms = new RequestForms(request, cluster)
  const concerned = hooks.flatMap((hook) => {
    const form = wantedForm(hook.webhook, request, forms, cluster)
    return form === undefined ? [] : [{ hook, form }]
  })
  const refusals: unknown[] = []
  await Promise.all(
    concerned.map(async ({ hook, form }, index) => {
      try {
        const shown = await forms.show(form)
        if (!conditionsHold(hook.webhook, request, shown, cluster, access)) return
        await askWebhook(caller, hook, request, shown, cluster, false, metrics)
      } catch (error) {
        try {
          settleFailure(hook.webhook, error)
          request.annotate(`failed-open.${auditPrefix}round_0_index_${index}`, hook.webhook.name)
        } catch (refusal) {
          refusals.push(refusal)
        }
      }
    }),
  )
  // The first that came: all have been asked by now, so that nobody is left behind with half a call.
  if (refusals.length > 0) throw refusals[0]
}
