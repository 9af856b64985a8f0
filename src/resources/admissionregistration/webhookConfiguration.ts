import {
  mutatingWebhookConfigurations,
  type MutatingWebhook,
  type MutatingWebhookConfiguration,
} from '#api/admissionregistration/v1/mutatingWebhookConfiguration.ts'
import {
  validatingWebhookConfigurations,
  type ValidatingWebhook,
  type ValidatingWebhookConfiguration,
} from '#api/admissionregistration/v1/validatingWebhookConfiguration.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { dns1035LabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import { createReport, type Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkOneOf } from '#resources/rules.ts'
import { checkSelector } from '#resources/selector.ts'
import { checkWebhookClient } from '#resources/webhookClient.ts'
import type { Column, Strategy } from '#server/strategy.ts'
import { checkMatchConditions, checkRule, failurePolicies, matchPolicies, reinvocationPolicies } from './rules.ts'

type Webhook = ValidatingWebhook | MutatingWebhook
type Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration

const columns: readonly Column<Configuration>[] = [
  nameColumn,
  {
    name: 'Webhooks',
    type: 'integer',
    description: 'How many webhooks there are.',
    value: ({ webhooks = [] }) => webhooks.length,
  },
  ageColumn,
]

/** Webhooks that may change objects before they are written. */
export const mutatingWebhookConfigurationStrategy: Strategy<MutatingWebhookConfiguration> = {
  resource: mutatingWebhookConfigurations,
  columns,
  validate: checkConfiguration,
}

/** Webhooks that may refuse requests. */
export const validatingWebhookConfigurationStrategy: Strategy<ValidatingWebhookConfiguration> = {
  resource: validatingWebhookConfigurations,
  columns,
  validate: checkConfiguration,
}

/** Rules that came later than the kinds: what breaks them already may go on doing so. */
interface Tolerance {
  readonly sideEffects: boolean
  readonly reviewVersions: boolean
  readonly sameNames: boolean
  readonly selectorValues: boolean
}

const acceptedReviewVersions = ['v1', 'v1beta1']
const harmless = ['None', 'NoneOnDryRun']

function toleranceOf(old: Configuration | undefined): Tolerance {
  const before: readonly Webhook[] = old?.webhooks ?? []
  return {
    sideEffects: before.some(({ sideEffects }) => !harmless.includes(sideEffects)),
    reviewVersions: before.some(
      ({ admissionReviewVersions: versions = [] }) => versions.length > 0 && !versions.some(isAccepted),
    ),
    sameNames: new Set(before.map(({ name }) => name)).size < before.length,
    selectorValues: before.some(({ namespaceSelector, objectSelector }) => {
      const { report, problems } = createReport()
      for (const selector of [namespaceSelector, objectSelector]) if (selector) checkSelector(selector, report)
      return problems.length > 0
    }),
  }
}

const isAccepted = (version: string): boolean => acceptedReviewVersions.includes(version)

function checkConfiguration({ webhooks = [] }: Configuration, old: Configuration | undefined, report: Report): void {
  const tolerance = toleranceOf(old)
  const before: readonly Webhook[] = old?.webhooks ?? []
  const conditionsStay =
    old !== undefined &&
    webhooks.length === before.length &&
    webhooks.every(({ matchConditions }, index) => sameJson(matchConditions, before[index]!.matchConditions))
  const names = new Set<string>()
  for (const [index, webhook] of webhooks.entries()) {
    const place = report.at('webhooks', index)
    checkWebhook(webhook, tolerance, place)
    if (!conditionsStay) checkMatchConditions(webhook.matchConditions ?? [], place.at('matchConditions'))
    checkReviewVersions(webhook.admissionReviewVersions ?? [], tolerance, place.at('admissionReviewVersions'))
    const { name = '' } = webhook
    if (name !== '' && names.has(name) && !tolerance.sameNames) place.at('name').duplicate(name)
    names.add(name)
  }
}

function checkWebhook(webhook: Webhook, tolerance: Tolerance, report: Report): void {
  const { rules = [], failurePolicy, matchPolicy, timeoutSeconds, namespaceSelector, objectSelector } = webhook
  checkFullName(webhook.name ?? '', report.at('name'))
  for (const [index, rule] of rules.entries()) checkRule(rule, report.at('rules', index))
  checkOneOf(report.at('failurePolicy'), failurePolicies, failurePolicy)
  checkOneOf(report.at('matchPolicy'), matchPolicies, matchPolicy)
  const allowed = tolerance.sideEffects ? ['None', 'NoneOnDryRun', 'Some', 'Unknown'] : harmless
  if (webhook.sideEffects === undefined) {
    report.at('sideEffects').required(`must specify one of ${allowed.join(', ')}`)
  } else checkOneOf(report.at('sideEffects'), allowed, webhook.sideEffects)
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)) {
    report.at('timeoutSeconds').invalid(timeoutSeconds, 'the timeout value must be between 1 and 30 seconds')
  }
  for (const [name, selector] of Object.entries({ namespaceSelector, objectSelector })) {
    if (selector !== undefined && !tolerance.selectorValues) checkSelector(selector, report.at(name))
  }
  if ('reinvocationPolicy' in webhook) {
    checkOneOf(report.at('reinvocationPolicy'), reinvocationPolicies, webhook.reinvocationPolicy)
  }
  checkWebhookClient(webhook.clientConfig ?? {}, report.at('clientConfig'))
}

/** A domain name of at least three parts. */
function checkFullName(name: string, report: Report): void {
  const problems = dnsSubdomainProblems(name)
  if (name === '') report.required()
  else if (problems.length > 0) report.invalid(name, problems.join(','))
  else if (name.split('.').length < 3) {
    report.invalid(name, 'should be a domain with at least three segments separated by dots')
  }
}

function checkReviewVersions(versions: readonly string[], tolerance: Tolerance, report: Report): void {
  const accepted = acceptedReviewVersions.join(', ')
  if (versions.length === 0) {
    report.required(`must specify one of ${accepted}`)
    return
  }
  for (const [index, version] of versions.entries()) {
    if (versions.indexOf(version) < index) report.at(index).invalid(version, 'duplicate version')
    else report.at(index).invalidBecause(version, dns1035LabelProblems(version))
  }
  if (!tolerance.reviewVersions && !versions.some(isAccepted)) {
    report.invalid(versions, `must include at least one of ${accepted}`)
  }
}
