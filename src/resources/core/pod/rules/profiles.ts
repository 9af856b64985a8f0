import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import type { AppArmorProfile, SeccompProfile } from '#api/core/v1/securityContext.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkRelativePath } from '#resources/core/storage.ts'
import { goForm } from '#resources/goForm.ts'
import { containersOf } from './host.ts'

// Profiles of seccomp and AppArmor: in fields, and in annotations as pods said it before.

const profileTypes: readonly string[] = ['Localhost', 'RuntimeDefault', 'Unconfined']
/** One less than the longest path of Linux. */
const longestProfile = 4095

/** Where a pod, or a container whose name follows, was given its profile before there were fields. */
export const podSeccomp = 'seccomp.security.alpha.kubernetes.io/pod'
export const containerSeccomp = 'container.seccomp.security.alpha.kubernetes.io/'
export const containerAppArmor = 'container.apparmor.security.beta.kubernetes.io/'

/** What the annotations say for each type; a local profile's name follows. */
const seccompWords: Readonly<Record<string, readonly string[]>> = {
  RuntimeDefault: ['runtime/default', 'docker/default'],
  Unconfined: ['unconfined'],
}
const appArmorWords: Readonly<Record<string, readonly string[]>> = {
  RuntimeDefault: ['runtime/default'],
  Unconfined: ['unconfined'],
}
const local = 'localhost/'

export function checkSeccompProfile(profile: SeccompProfile | undefined, report: Report): void {
  if (profile === undefined) return
  checkType(profile.type, 'seccompProfile', report)
  const { localhostProfile } = profile
  const place = report.at('localhostProfile')
  if (profile.type !== 'Localhost') {
    if (localhostProfile === undefined) return
    place.invalid(
      goForm('io.k8s.api.core.v1.SeccompProfile', profile),
      'can only be set when seccomp type is Localhost',
    )
  } else if (localhostProfile === undefined) place.required('must be set when seccomp type is Localhost')
  else checkRelativePath(localhostProfile, place)
}

export function checkAppArmorProfile(profile: AppArmorProfile | undefined, report: Report): void {
  if (profile === undefined) return
  const { localhostProfile: name } = profile
  const place = report.at('localhostProfile')
  if (profile.type !== 'Localhost') {
    checkType(profile.type, 'appArmorProfile', report)
    const isKnown = profileTypes.includes(profile.type)
    if (isKnown && name !== undefined) place.invalid(name, 'can only be set when AppArmor type is Localhost')
    return
  }
  if (name === undefined || name === '') place.required('must be set when AppArmor type is Localhost')
  else if (name.trim() !== name) place.invalid(name, 'must not be padded with whitespace')
  if (name !== undefined && Buffer.byteLength(name) > longestProfile) place.tooLong(longestProfile)
}

function checkType(type: string | undefined, field: string, report: Report): void {
  if (type === undefined || type === '') report.at('type').required(`type is required when ${field} is set`)
  else if (!profileTypes.includes(type)) report.at('type').notSupported(type, profileTypes)
}

/** The rules of the annotations themselves. */
export function checkProfileAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  spec: PodSpec,
  report: Report,
): void {
  for (const [key, value] of Object.entries(annotations ?? {})) {
    if (key === podSeccomp || key.startsWith(containerSeccomp)) checkSeccompName(value, report.at(key))
    if (!key.startsWith(containerAppArmor)) continue
    const name = key.slice(containerAppArmor.length)
    const place = report.key(key)
    if (![...containersOf(spec, report)].some(([container]) => container.name === name)) {
      place.invalid(name, 'container not found')
    }
    if (value !== '' && appArmorTypeOf(value) === undefined) {
      place.invalid(value, `invalid AppArmor profile name: ${JSON.stringify(value)}`)
    }
  }
}

function checkSeccompName(name: string, report: Report): void {
  if (Object.values(seccompWords).some((words) => words.includes(name))) return
  if (name.startsWith(local)) checkRelativePath(name.slice(local.length), report)
  else report.invalid(name, 'must be a valid seccomp profile')
}

function appArmorTypeOf(annotation: string): AppArmorProfile['type'] | undefined {
  if (annotation.startsWith(local)) return 'Localhost'
  const [type] = Object.entries(appArmorWords).find(([, words]) => words.includes(annotation)) ?? []
  return type as AppArmorProfile['type'] | undefined
}

/** Where annotations and fields both speak of a profile, they must say the same. `report` is of the pod's spec. */
export function checkProfilesAgree(
  { annotations }: Pick<ObjectMeta, 'annotations'>,
  spec: PodSpec,
  report: Report,
): void {
  if (annotations === undefined || !Object.keys(annotations).some(isOfProfile)) return
  const check = (
    key: string,
    profile: SeccompProfile | AppArmorProfile | undefined,
    word: 'seccomp' | 'apparmor',
    place: Report,
  ): void => {
    if (profile === undefined || !Object.hasOwn(annotations, key)) return
    const said = annotations[key]!
    const known = (word === 'seccomp' ? seccompWords : appArmorWords)[profile.type]
    const agrees = profile.type === 'Localhost' ? said.startsWith(local) : (known?.includes(said) ?? true)
    if (!agrees) place.at('type').forbidden(`${word} type in annotation and field must match`)
    else if (profile.type === 'Localhost' && said.slice(local.length) !== profile.localhostProfile) {
      place.at('localhostProfile').forbidden(`${word} profile in annotation and field must match`)
    }
  }
  const { seccompProfile, appArmorProfile } = spec.securityContext ?? {}
  check(podSeccomp, seccompProfile, 'seccomp', report.at('securityContext', 'seccompProfile'))
  for (const [{ name, securityContext }, place] of containersOf(spec, report)) {
    const at = place.at('securityContext', 'seccompProfile')
    check(containerSeccomp + name, securityContext?.seccompProfile, 'seccomp', at)
  }
  if (spec.os?.name === 'windows') return
  for (const [{ name, securityContext }, place] of containersOf(spec, report)) {
    const profile = securityContext?.appArmorProfile ?? appArmorProfile
    check(containerAppArmor + name, profile, 'apparmor', place.at('securityContext', 'appArmorProfile'))
  }
}

function isOfProfile(key: string): boolean {
  return key === podSeccomp || key.startsWith(containerSeccomp) || key.startsWith(containerAppArmor)
}

/** Makes fields of the AppArmor annotations of a new pod, as kubelets look at fields alone (KEP-24). */
export function fillAppArmorFields({ annotations }: Pick<ObjectMeta, 'annotations'>, spec: PodSpec): void {
  if (annotations === undefined || spec.os?.name === 'windows') return
  if (!Object.keys(annotations).some((key) => key.startsWith(containerAppArmor))) return
  const ofPod = spec.securityContext?.appArmorProfile
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const said = annotations[containerAppArmor + container.name]
    if (said === undefined || container.securityContext?.appArmorProfile !== undefined) continue
    const type = appArmorTypeOf(said)
    const name = said.slice(local.length)
    const isUsable = name !== '' && name.trim() === name && Buffer.byteLength(name) <= longestProfile
    if (type === undefined || (type === 'Localhost' && !isUsable)) continue
    const profile: AppArmorProfile = type === 'Localhost' ? { type, localhostProfile: name } : { type }
    const isOfPod = ofPod?.type === type && ofPod.localhostProfile === profile.localhostProfile
    if (!isOfPod) container.securityContext = { ...container.securityContext, appArmorProfile: profile }
  }
}
