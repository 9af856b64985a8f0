// What people should know about a pod that they may have: what is ignored, ambiguous or about to go. Texts and order are
// upstream's (pkg/api/pod/warnings.go). Asked at each create, so nothing is written unless there is something to say.
import { containerAppArmor, containerSeccomp, podSeccomp } from './rules/profiles.ts'
import type { Affinity, NodeSelectorTerm } from '#api/core/v1/affinity.ts'
import type { Container, ContainerPort } from '#api/core/v1/container.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { dnsLabelProblems } from '#machinery/validate/names.ts'
import { nodeLabelProblem } from '#resources/nodeLabels.ts'
import { isWhole } from '#resources/quantities.ts'
import { virtualPathWarnings } from './virtualPaths.ts'

type Warn = (text: string) => void

/** Where something is. Written only when there is something to say of it. */
type Place = () => string

/** The warnings for a new pod. Changes of pods are made by programs: nobody reads theirs. */
export function podWarnings({ metadata, spec }: Pod): readonly string[] {
  const warnings: string[] = []
  const problems = dnsLabelProblems(metadata.name)
  if (problems.length > 0) {
    warnings.push(`metadata.name: ${surprisingName("the Pod's hostname")}: [${problems.join(' ')}]`)
  }
  warn(spec, metadata, '', warnings)
  return warnings
}

/** The warnings for a pod template. `place` is where it is, such as `spec.template`. */
export function templateWarnings({ metadata, spec }: PodTemplateSpec, place: string): readonly string[] {
  const warnings: string[] = []
  warn(spec, metadata ?? {}, place, warnings)
  return warnings
}

/** The warnings for a workload: of its name when it is new, and of its template when what is wanted changed. */
export function workloadWarnings(object: KubeObject, old: KubeObject | undefined, template: PodTemplateSpec): string[] {
  if (isAsBefore(object, old)) return []
  const ofName = old === undefined ? podNameWarnings(object.metadata.name) : []
  return [...ofName, ...templateWarnings(template, 'spec.template')]
}

/** Whether an update leaves what is wanted alone: then nothing new is to be said. */
export function isAsBefore(object: KubeObject, old: KubeObject | undefined): boolean {
  return old !== undefined && object.metadata.generation === old.metadata.generation
}

/** What to say of the name of a workload that its pods cannot have. */
export function podNameWarnings(name: string): readonly string[] {
  const problems = dnsLabelProblems(name)
  return problems.length === 0
    ? []
    : [`metadata.name: ${surprisingName('Pod names and hostnames')}: [${problems.join(' ')}]`]
}

const surprisingName = (used: string): string =>
  `this is used in ${used}, which can result in surprising behavior; a DNS label is recommended`

/** Nobody reads more. */
const mostWarnings = 100

function warn(spec: PodSpec, { annotations = {} }: Partial<ObjectMeta>, root: string, warnings: string[]): void {
  const isFull = (): boolean => warnings.length >= mostWarnings
  const say: Warn = (text) => {
    if (!isFull()) warnings.push(text)
  }
  const place = root === '' ? 'spec' : `${root}.spec`
  const noted = root === '' ? 'metadata.annotations' : `${root}.metadata.annotations`
  warnOfNodeLabels(spec, place, say)
  for (const [key, fate] of deprecatedAnnotations) {
    if (Object.hasOwn(annotations, key)) say(`${noted}[${key}]: ${fate}`)
  }
  const { volumes = [] } = spec
  for (let at = 0; at < volumes.length; at++) warnOfVolume(volumes[at]!, () => `${place}.volumes[${at}]`, say)
  for (const volume of volumes) for (const text of virtualPathWarnings(volume)) say(text)
  warnOfRepeats(spec, place, say)
  warnOfFractions(spec.overhead, () => `${place}.overhead`, say)
  if (spec.securityContext?.seccompProfile === undefined && Object.hasOwn(annotations, podSeccomp)) {
    say(`${noted}[${podSeccomp}]: ${useSeccompProfile}`)
  }
  const hasAppArmor = spec.securityContext?.appArmorProfile !== undefined
  const isNoted = Object.keys(annotations).some((key) => key.startsWith('container.'))
  eachContainer(spec, place, (container, at) => {
    if (isNoted) {
      const seccomp = containerSeccomp + container.name
      if (container.securityContext?.seccompProfile === undefined && Object.hasOwn(annotations, seccomp)) {
        say(`${noted}[${seccomp}]: ${useSeccompProfile}`)
      }
      const appArmor = containerAppArmor + container.name
      const isProfiled = hasAppArmor || container.securityContext?.appArmorProfile !== undefined
      if (root !== '' && !isProfiled && Object.hasOwn(annotations, appArmor)) {
        say(`${noted}[${appArmor}]: ${useAppArmorProfile}`)
      }
    }
    warnOfFractions(container.resources?.limits, () => `${at()}.resources.limits`, say)
    warnOfFractions(container.resources?.requests, () => `${at()}.resources.requests`, say)
    warnOfHiddenVariables(container, at, say)
  })
  warnOfPorts(spec, place, say, isFull)
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    say(`${place}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`)
  }
  if (spec.affinity !== undefined) warnOfNeighbours(spec.affinity, `${place}.affinity`, say)
}

const deprecatedAnnotations: readonly (readonly [string, string])[] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
]

// Upstream's texts have these backslashes.
const useSeccompProfile = String.raw`non-functional in v1.27+; use the \"seccompProfile\" field instead`
const useAppArmorProfile = String.raw`deprecated since v1.30; use the \"appArmorProfile\" field instead`

function warnOfNodeLabels(spec: PodSpec, place: string, say: Warn): void {
  for (const label of Object.keys(spec.nodeSelector ?? {})) {
    const problem = nodeLabelProblem(label)
    if (problem !== undefined) say(`${place}.nodeSelector[${label}]: ${problem}`)
  }
  const wanted = spec.affinity?.nodeAffinity
  const required = wanted?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  const at = `${place}.affinity.nodeAffinity`
  for (const [index, term] of required.entries()) {
    warnOfTerm(term, `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`, say)
  }
  const preferred = wanted?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  for (const [index, { preference }] of preferred.entries()) {
    warnOfTerm(preference, `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`, say)
  }
  for (const [index, { topologyKey, labelSelector }] of (spec.topologySpreadConstraints ?? []).entries()) {
    const constraint = `${place}.topologySpreadConstraints[${index}]`
    const problem = nodeLabelProblem(topologyKey)
    if (problem !== undefined) say(`${constraint}.topologyKey: ${topologyKey} is ${problem}`)
    if (labelSelector === undefined) say(`${constraint}.labelSelector: ${matchesNone}`)
  }
}

const matchesNone = 'a null labelSelector results in matching no pod'

function warnOfTerm({ matchExpressions = [] }: NodeSelectorTerm, place: string, say: Warn): void {
  for (const [index, { key }] of matchExpressions.entries()) {
    const problem = nodeLabelProblem(key)
    if (problem !== undefined) say(`${place}.matchExpressions[${index}].key: ${key} is ${problem}`)
  }
}

/** Types of volumes that are going or gone. */
const deprecatedVolumes: readonly (readonly [keyof Volume, string])[] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
]

function warnOfVolume(volume: Volume, place: Place, say: Warn): void {
  for (const [type, fate] of deprecatedVolumes) {
    if (volume[type] !== undefined) say(`${place()}.${type === 'storageos' ? 'storageOS' : type}: ${fate}`)
  }
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec
  if (claim !== undefined) {
    for (const text of claimWarnings(claim, `${place()}.ephemeral.volumeClaimTemplate.spec`)) say(text)
  }
}

/** What to say of the size of a claim; `place` is where its spec is. */
export function claimWarnings(
  { resources }: { readonly resources?: { readonly requests?: Readonly<Record<string, string>> } },
  place: string,
): readonly string[] {
  const size = resources?.requests?.['storage']
  return size === undefined || isWhole(size) ? [] : [`${place}.resources.requests[storage]: ${fractional(size)}`]
}

const fractional = (amount: string): string =>
  `fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`

function warnOfFractions(amounts: Readonly<Record<string, string>> | undefined, place: Place, say: Warn): void {
  if (amounts === undefined) return
  for (const name of ['memory', 'ephemeral-storage']) {
    const amount = amounts[name]
    if (amount !== undefined && !isWhole(amount)) say(`${place()}[${name}]: ${fractional(amount)}`)
  }
}

/** Entries of which clients that merge lists would keep one. */
function warnOfRepeats({ hostAliases = [], imagePullSecrets = [] }: PodSpec, place: string, say: Warn): void {
  const addresses = new Set<string>()
  for (const [index, { ip }] of hostAliases.entries()) {
    if (addresses.has(ip)) say(`${place}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`)
    addresses.add(ip)
  }
  const names = new Set<string>()
  for (const [index, { name = '' }] of imagePullSecrets.entries()) {
    if (names.has(name)) say(`${place}.imagePullSecrets[${index}].name: duplicate name ${JSON.stringify(name)}`)
    names.add(name)
  }
  for (const [index, { name = '' }] of imagePullSecrets.entries()) {
    if (name === '') say(`${place}.imagePullSecrets[${index}].name: invalid empty name ""`)
  }
}

const containerLists = ['initContainers', 'containers', 'ephemeralContainers'] as const

/** Shows every container of a pod with its place. */
function eachContainer(spec: PodSpec, place: string, see: (container: Container, at: Place) => void): void {
  for (const list of containerLists) {
    const containers = spec[list]
    if (containers === undefined) continue
    for (let at = 0; at < containers.length; at++) see(containers[at] as Container, () => `${place}.${list}[${at}]`)
  }
}

/** A variable may be set again on top of itself, `X=$(X):more`; otherwise the one before is lost. */
function warnOfHiddenVariables({ env }: Container, place: Place, say: Warn): void {
  if (env === undefined || env.length < 2) return
  const names = new Set<string>()
  for (let at = 0; at < env.length; at++) {
    const { name, value = '', valueFrom } = env[at]!
    if (!names.has(name)) {
      names.add(name)
      continue
    }
    const reference = `$(${name})`
    if (valueFrom === undefined && value !== reference && value.includes(reference)) continue
    const what = `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`
    say(`${place()}.env[${at}]: ${what}`)
  }
}

/** Each port is compared with the first that have its number. */
const mostCompared = 100

function warnOfPorts(spec: PodSpec, place: string, say: Warn, isFull: () => boolean): void {
  const all = new Map<string, { readonly at: Place; readonly port: ContainerPort }[]>()
  eachContainer(spec, place, ({ ports = [] }, container) => {
    for (let index = 0; index < ports.length; index++) {
      const port = ports[index]!
      const at = (): string => `${container()}.ports[${index}]`
      const { hostIP = '', hostPort = 0, containerPort, protocol = '' } = port
      if (hostIP !== '' && hostPort === 0) say(`${at()}: hostIP set without hostPort: ${portText(port)}`)
      const key = `${containerPort}/${protocol}`
      const others = all.get(key)
      if (others === undefined) {
        all.set(key, [{ at, port }])
        continue
      }
      for (const other of others) {
        if (isFull()) return
        const clash = clashOf(hostIP, hostPort, other.port)
        if (clash !== undefined) say(`${at()}: ${clash} port definition with ${other.at()}`)
      }
      if (others.length < mostCompared) others.push({ at, port })
    }
  })
}

function clashOf(address: string, port: number, other: ContainerPort): string | undefined {
  const { hostIP = '', hostPort = 0 } = other
  if (address === hostIP && port === hostPort) return 'duplicate'
  if (port === 0 || hostPort === 0) return 'overlapping'
  return port === hostPort && (address === '') !== (hostIP === '') ? 'dangerously ambiguous' : undefined
}

/** A port as Go prints it. */
function portText({ name = '', hostPort = 0, containerPort, protocol, hostIP = '' }: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol ?? ''} HostIP:${hostIP}}`
}

function warnOfNeighbours(affinity: Affinity, place: string, say: Warn): void {
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const wanted = affinity[kind]
    const required = wanted?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    for (const [index, { labelSelector }] of required.entries()) {
      if (labelSelector !== undefined) continue
      say(`${place}.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${index}].labelSelector: ${matchesNone}`)
    }
    const preferred = wanted?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    for (const [index, { podAffinityTerm }] of preferred.entries()) {
      if (podAffinityTerm.labelSelector !== undefined) continue
      const at = `${place}.${kind}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
      say(`${at}.podAffinityTerm.labelSelector: ${matchesNone}`)
    }
  }
}
