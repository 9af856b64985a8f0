// What a pod of a `restricted` namespace must do beyond the baseline: today's good practice.
import type { Volume } from '#api/core/v1/volume.ts'
import { containerList, containersThat, plural, quoted, quotedSorted, setters, unlessWindows } from './check.ts'
import type { Check, PodLike, Violation } from './check.ts'
import { seccompRestricted } from './seccompChecks.ts'

const allowPrivilegeEscalation: Check = {
  id: 'allowPrivilegeEscalation',
  level: 'restricted',
  revisions: [
    { since: 8, judge: judgeEscalation },
    { since: 25, judge: unlessWindows(judgeEscalation) },
  ],
}

function judgeEscalation(pod: PodLike): Violation | undefined {
  const containers = containersThat(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false)
  if (containers.length === 0) return undefined
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containerList(containers)} must set securityContext.allowPrivilegeEscalation=false`,
  }
}

const capabilities: Check = {
  id: 'capabilities_restricted',
  level: 'restricted',
  replaces: 'capabilities_baseline',
  revisions: [
    { since: 22, judge: judgeCapabilities },
    { since: 25, judge: unlessWindows(judgeCapabilities) },
  ],
}

function judgeCapabilities(pod: PodLike): Violation | undefined {
  const added = new Set<string>()
  const keeping = containersThat(pod, ({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'))
  const adding = containersThat(pod, ({ securityContext }) => {
    const bad = (securityContext?.capabilities?.add ?? []).filter((each) => each !== 'NET_BIND_SERVICE')
    for (const each of bad) added.add(each)
    return bad.length > 0
  })
  const details: string[] = []
  if (keeping.length > 0) details.push(`${containerList(keeping)} must set securityContext.capabilities.drop=["ALL"]`)
  if (adding.length > 0) {
    details.push(`${containerList(adding)} must not include ${quotedSorted(added)} in securityContext.capabilities.add`)
  }
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const allowedVolumes = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
] as const satisfies readonly (keyof Volume)[]

const restrictedVolumes: Check = {
  id: 'restrictedVolumes',
  level: 'restricted',
  replaces: 'hostPathVolumes',
  revisions: [
    {
      since: 0,
      judge({ spec }) {
        const bad = (spec.volumes ?? []).filter((volume) => allowedVolumes.every((type) => volume[type] === undefined))
        if (bad.length === 0) return undefined
        const types = new Set(bad.map((volume) => Object.keys(volume).find((key) => key !== 'name') ?? 'unknown'))
        const uses = plural(bad.length, 'uses', 'use')
        return {
          reason: 'restricted volume types',
          detail: `${plural(bad.length, 'volume')} ${quoted(bad.map(({ name }) => name))} ${uses} ${plural(types.size, 'restricted volume type')} ${quotedSorted(types)}`,
        }
      },
    },
  ],
}

const runAsNonRoot: Check = {
  id: 'runAsNonRoot',
  level: 'restricted',
  revisions: [
    {
      since: 0,
      judge(pod) {
        const ofPod = pod.spec.securityContext?.runAsNonRoot
        const who = setters(
          ofPod === false,
          containersThat(pod, ({ securityContext }) => securityContext?.runAsNonRoot === false),
        )
        const reason = 'runAsNonRoot != true'
        if (who.length > 0) {
          return { reason, detail: `${who.join(' and ')} must not set securityContext.runAsNonRoot=false` }
        }
        if (ofPod === true) return undefined
        const silent = containersThat(pod, ({ securityContext }) => securityContext?.runAsNonRoot === undefined)
        if (silent.length === 0) return undefined
        return { reason, detail: `pod or ${containerList(silent)} must set securityContext.runAsNonRoot=true` }
      },
    },
  ],
}

const runAsUser: Check = {
  id: 'runAsUser',
  level: 'restricted',
  revisions: [
    {
      since: 23,
      judge(pod) {
        const who = setters(
          pod.spec.securityContext?.runAsUser === 0,
          containersThat(pod, ({ securityContext }) => securityContext?.runAsUser === 0),
        )
        if (who.length === 0) return undefined
        return { reason: 'runAsUser=0', detail: `${who.join(' and ')} must not set runAsUser=0` }
      },
    },
  ],
}

/** In the order of their ids, which is the order of messages. */
export const restrictedChecks: readonly Check[] = [
  allowPrivilegeEscalation,
  capabilities,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompRestricted,
]
