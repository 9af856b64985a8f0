import type { CustomResourceConversion, WebhookClientConfig } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { dns1035LabelProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkWebhookClient } from '#resources/webhookClient.ts'

/** Versions of ConversionReview that servers may speak so that somebody understands them. */
const knownReviews = ['v1', 'v1beta1']

/** Checks how objects get from one version to another. `mayBeUnknown`: it named no known review before either. */
export function checkConversion(conversion: CustomResourceConversion, mayBeUnknown: boolean, report: Report): void {
  const { strategy, webhook } = conversion
  if (strategy === '') report.at('strategy').required()
  else if (strategy !== 'None' && strategy !== 'Webhook') {
    report.at('strategy').notSupported(strategy, ['None', 'Webhook'])
  }
  const client = report.at('webhookClientConfig')
  if (strategy === 'Webhook') {
    if (webhook?.clientConfig === undefined) client.required('required when strategy is set to Webhook')
    else checkClient(webhook.clientConfig, client)
    checkReviews(webhook?.conversionReviewVersions ?? [], mayBeUnknown, report.at('conversionReviewVersions'))
  } else {
    const why = 'should not be set when strategy is not set to Webhook'
    if (webhook?.clientConfig !== undefined) client.forbidden(why)
    if ((webhook?.conversionReviewVersions ?? []).length > 0) report.at('conversionReviewVersions').forbidden(why)
  }
}

function checkClient(config: WebhookClientConfig, report: Report): void {
  checkWebhookClient(config, report)
  const { caBundle = '' } = config
  if (caBundle !== '' && !atob(caBundle).includes('-----BEGIN CERTIFICATE-----')) {
    report.at('caBundle').invalid(caBundle, 'unable to load root certificates: unable to parse bytes as PEM block')
  }
}

function checkReviews(versions: readonly string[], mayBeUnknown: boolean, report: Report): void {
  if (versions.length === 0) return report.required()
  const seen = new Set<string>()
  for (const [i, version] of versions.entries()) {
    if (seen.has(version)) {
      report.at(i).invalid(version, 'duplicate version')
      continue
    }
    seen.add(version)
    report.at(i).invalidBecause(version, dns1035LabelProblems(version))
  }
  if (!mayBeUnknown && !knownReviews.some((known) => seen.has(known))) {
    report.invalid(versions, `must include at least one of ${knownReviews.join(', ')}`)
  }
}
