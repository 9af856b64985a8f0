// The system calls of containers: both levels ask for a profile that filters them.
import { containerList, containersThat, plural, quotedSorted, setters, unlessWindows, type Check } from './check.ts'
import type { PodLike, Violation } from './check.ts'

const podAnnotation = 'seccomp.security.alpha.kubernetes.io/pod'
const containerAnnotation = 'container.seccomp.security.alpha.kubernetes.io/'

/** No profile may be switched off. Until v1.18 profiles were annotations. */
export const seccompBaseline: Check = {
  id: 'seccompProfile_baseline',
  level: 'baseline',
  revisions: [
    { since: 0, judge: judgeAnnotations },
    { since: 19, judge: judgeFields },
  ],
}

/** Every container must have a profile. */
export const seccompRestricted: Check = {
  id: 'seccompProfile_restricted',
  level: 'restricted',
  replaces: seccompBaseline.id,
  revisions: [
    { since: 19, judge: requireProfile },
    { since: 25, judge: unlessWindows(requireProfile) },
  ],
}

function judgeAnnotations(pod: PodLike): Violation | undefined {
  const annotations = pod.metadata?.annotations ?? {}
  const keys = [podAnnotation, ...containersThat(pod, () => true).map((name) => containerAnnotation + name)]
  const bad = keys
    .filter((key) => Object.hasOwn(annotations, key))
    .filter((key) => !/^(runtime\/default$|docker\/default$|localhost\/)/.test(annotations[key]!))
    .map((key) => `${key}=${JSON.stringify(annotations[key])}`)
  const forbidden = [...new Set(bad)].sort()
  if (forbidden.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `forbidden ${plural(forbidden.length, 'annotation')} ${forbidden.join(', ')}`,
  }
}

const filters = (type: string | undefined): boolean => type === 'RuntimeDefault' || type === 'Localhost'

function judgeFields(pod: PodLike): Violation | undefined {
  const types = new Set<string>()
  const isBad = (type: string | undefined): boolean => {
    const bad = type !== undefined && !filters(type)
    if (bad) types.add(type)
    return bad
  }
  const podSets = isBad(pod.spec.securityContext?.seccompProfile?.type)
  const containers = containersThat(pod, ({ securityContext }) => isBad(securityContext?.seccompProfile?.type))
  const who = setters(podSets, containers)
  if (who.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `${who.join(' and ')} must not set securityContext.seccompProfile.type to ${quotedSorted(types)}`,
  }
}

function requireProfile(pod: PodLike): Violation | undefined {
  const forbidden = judgeFields(pod)
  if (forbidden !== undefined || filters(pod.spec.securityContext?.seccompProfile?.type)) return forbidden
  const bare = containersThat(pod, ({ securityContext }) => securityContext?.seccompProfile === undefined)
  if (bare.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `pod or ${containerList(bare)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  }
}
