import { namespaces, type Namespace } from '#api/core/v1/namespace.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { internalError, invalid } from '#machinery/status.ts'
import { problemCauses, problemMessage, type FieldProblem } from '#machinery/validate/report.ts'
import { concerns, refusal, type AdmissionPlugin, type AdmissionRequest, type ClusterView } from './chain.ts'
import type { PodLike } from './podSecurity/check.ts'
import { openPodSecurity, type PodSecurityConfiguration } from './podSecurity/configuration.ts'
import { noPluginMetrics, type PluginMetrics } from './pluginMetrics.ts'
import { warningsAboutPods } from './podSecurity/existingPods.ts'
import {
  isStricter,
  labelPrefix,
  policyOf,
  policyText,
  sameLevelVersion,
  violationDetails,
  violationsOf,
  type LevelVersion,
  type Policy,
} from './podSecurity/policy.ts'
import { hasTemplate, templateOf } from './podSecurity/template.ts'

const anything: LevelVersion = { level: 'privileged', version: 'latest' }

/** Parts of a pod whose change cannot make it break a rule. */
const harmlessParts = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status'])

/** Keeps pods to the level of the Pod Security Standards that their namespace's labels name. */
export function podSecurity(
  { defaults, exemptions }: PodSecurityConfiguration = openPodSecurity,
  metrics: PluginMetrics = noPluginMetrics,
): AdmissionPlugin {
  /** Read once for each revision of a namespace. */
  const policies = new WeakMap<Namespace, ReturnType<typeof policyOf>>()
  return {
    name: 'PodSecurity',
    validate(request, cluster) {
      const { operation, resource, subresource } = request
      if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined
      if (resource.group === '' && resource.plural === 'pods') {
        return harmlessParts.has(subresource) ? undefined : validatePod(request, cluster)
      }
      if (concerns(request, namespaces)) return validateNamespace(request, cluster)
      return subresource === '' && hasTemplate(resource) ? validateTemplate(request, cluster) : undefined
    },
  }

  function validatePod(request: AdmissionRequest, cluster: ClusterView): void {
    if (isExempt(request)) return
    const found = policyFor(request, cluster)
    if (found === undefined) {
      throw internalError(`failed to lookup namespace ${JSON.stringify(request.namespace)}`)
    }
    const { policy, problems } = found
    if (problems.length === 0 && isPrivileged(policy, ['enforce', 'audit', 'warn'])) {
      request.annotate(`${labelPrefix}enforce-policy`, policyText(anything))
      metrics.podSecurityEvaluated(request, 'enforce', anything, true)
      return
    }
    const pod = request.object as Pod
    if (request.operation === 'UPDATE' && !changesContainers(pod, request.old as Pod)) return
    judge(request, found, pod, true)
  }

  /** Templates are not refused, only spoken about: the pods will be. */
  function validateTemplate(request: AdmissionRequest, cluster: ClusterView): void {
    if (isExempt(request)) return
    const found = policyFor(request, cluster)
    if (found === undefined) {
      request.annotate(`${labelPrefix}error`, `failed to lookup namespace ${JSON.stringify(request.namespace)}`)
      return
    }
    if (found.problems.length === 0 && isPrivileged(found.policy, ['audit', 'warn'])) return
    const template = templateOf(request.resource, request.object!)
    if (template?.spec !== undefined) judge(request, found, template, false)
  }

  function isExempt(request: AdmissionRequest): boolean {
    const { namespace, caller, annotate } = request
    const why = exemptions.namespaces.includes(namespace)
      ? 'namespace'
      : exemptions.usernames.includes(caller.name)
        ? 'user'
        : undefined
    if (why === undefined) return false
    annotate(`${labelPrefix}exempt`, why)
    metrics.podSecurityExempt(request)
    return true
  }

  function policyFor({ namespace }: AdmissionRequest, cluster: ClusterView): ReturnType<typeof policyOf> | undefined {
    const found = cluster.get(namespaces, '', namespace)
    if (found === undefined) return undefined
    let policy = policies.get(found)
    if (policy === undefined) policies.set(found, (policy = policyOf(found.metadata.labels, defaults)))
    return policy
  }

  function judge(
    request: AdmissionRequest,
    { policy, problems }: ReturnType<typeof policyOf>,
    pod: PodLike,
    enforced: boolean,
  ): void {
    const note = (key: string, value: string): void => request.annotate(labelPrefix + key, value)
    if (exemptions.runtimeClasses.includes(pod.spec.runtimeClassName ?? '')) {
      note('exempt', 'runtimeClass')
      metrics.podSecurityExempt(request)
      return
    }
    if (problems.length > 0) note('error', `Failed to parse policy: ${problemsText(problems)}`)
    if (enforced) note('enforce-policy', policyText(policy.enforce))
    const complaint = (mode: keyof Policy): string | undefined => {
      const violations = violationsOf(policy[mode], pod)
      return violations.length === 0
        ? undefined
        : `violate PodSecurity "${policyText(policy[mode])}": ${violationDetails(violations)}`
    }
    const audited = complaint('audit')
    if (audited !== undefined) {
      note('audit-violations', `would ${audited}`)
      metrics.podSecurityEvaluated(request, 'audit', policy.audit, false)
    }
    const refused = enforced ? complaint('enforce') : undefined
    if (enforced) metrics.podSecurityEvaluated(request, 'enforce', policy.enforce, refused === undefined)
    if (refused !== undefined) throw refusal(request, refused.replace('violate', 'violates'))
    const warned = complaint('warn')
    if (warned === undefined) return
    request.warn(`would ${warned}`)
    metrics.podSecurityEvaluated(request, 'warn', policy.warn, false)
  }

  /** Labels must be readable; where they become stricter, pods that would be refused from now on are named. */
  async function validateNamespace(request: AdmissionRequest, cluster: ClusterView): Promise<void> {
    const namespace = request.object as Namespace
    const { name, labels } = namespace.metadata
    const wanted = policyOf(labels, defaults)
    const before = request.operation === 'UPDATE' ? policyOf(request.old!.metadata.labels, defaults) : undefined
    if (wanted.problems.length > 0 && !sameJson(wanted.problems, before?.problems)) {
      throw invalid(request.resource, name, problemCauses(wanted.problems))
    }
    const { enforce } = wanted.policy
    if (before !== undefined) {
      const old = before.policy.enforce
      if (sameLevelVersion(enforce, old) || enforce.level === 'privileged') return
      if (enforce.version === old.version && !isStricter(enforce.level, old.level)) return
    }
    if (exemptions.namespaces.includes(name)) {
      const ignored = ignoredPolicy(wanted.policy, labels ?? {})
      if (ignored !== undefined) {
        request.warn(
          `namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${ignored}) will be ignored`,
        )
      }
      return
    }
    if (before === undefined) return
    const existing = cluster
      .list(pods, name)
      .filter(({ spec }) => !exemptions.runtimeClasses.includes(spec.runtimeClassName ?? ''))
    for (const warning of await warningsAboutPods(name, existing, enforce, () => cluster.now)) request.warn(warning)
  }

  /** What an exempt namespace's labels ask for in vain; undefined when they ask for nothing. */
  function ignoredPolicy(policy: Policy, labels: Readonly<Record<string, string>>): string | undefined {
    const modes = ['enforce', 'audit', 'warn'] as const
    const isUsual = modes.every(
      (mode) =>
        sameLevelVersion(policy[mode], defaults[mode]) ||
        (policy[mode].level === 'privileged' && defaults[mode].level === 'privileged'),
    )
    if (isUsual || isPrivileged(policy, modes)) return undefined
    return modes
      .filter((mode) => policy[mode].level !== 'privileged')
      .filter((mode) => [mode, `${mode}-version`].some((label) => Object.hasOwn(labels, labelPrefix + label)))
      .map((mode) => `${mode}=${policyText(policy[mode])}`)
      .join(', ')
  }
}

function isPrivileged(policy: Policy, modes: readonly (keyof Policy)[]): boolean {
  return modes.every((mode) => policy[mode].level === 'privileged')
}

function problemsText(problems: readonly FieldProblem[]): string {
  const texts = problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
}

/** Of what an update may change only images and added containers can make a difference. */
function changesContainers({ spec }: Pod, { spec: old }: Pod): boolean {
  const images = (containers: readonly { readonly image?: string }[] = []): readonly string[] =>
    containers.map(({ image = '' }) => image)
  if (!sameJson(images(spec.containers), images(old.containers))) return true
  if (!sameJson(images(spec.initContainers), images(old.initContainers))) return true
  return (spec.ephemeralContainers ?? []).some(
    ({ name, image }) => old.ephemeralContainers?.find((each) => each.name === name)?.image !== image,
  )
}
