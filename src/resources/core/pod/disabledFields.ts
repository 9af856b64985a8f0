import type { Container } from '#api/core/v1/container.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'

// Fields of features that are off in v1.34. They are dropped as if nobody had written them, unless what is updated has
// them already: so does a server whose features were turned off.

/** Drops from a private spec what is off. `old` is what an update started from. */
export function dropDisabledFields(spec: PodSpec, old: PodSpec | undefined): void {
  dropRestartRules(spec, old)
  if (spec.hostnameOverride !== undefined && old?.hostnameOverride === undefined) delete spec.hostnameOverride
  for (const kind of kinds) {
    for (const container of spec[kind] ?? nothing) {
      if (container.lifecycle?.stopSignal !== undefined) dropStopSignal(container, old)
      if (container.env?.some(readsFile) === true) dropFileVariables(container, old)
    }
  }
  for (const volume of spec.volumes ?? nothing) {
    if (volume.projected?.sources !== undefined) dropProjections(volume, old)
  }
  if (spec.volumes?.some(isImage) === true && old?.volumes?.some(isImage) !== true) dropImages(spec)
}

const kinds = ['containers', 'initContainers', 'ephemeralContainers'] as const

const nothing: readonly never[] = []

const some = (spec: PodSpec | undefined, holds: (container: Container) => boolean): boolean =>
  spec !== undefined && kinds.some((kind) => spec[kind]?.some(holds) === true)

/** Whether a container restarts otherwise than its pod, but for init containers that keep running. */
function hasRules(kind: (typeof kinds)[number], { restartPolicy, restartPolicyRules }: Container): boolean {
  if (restartPolicyRules !== undefined) return true
  return restartPolicy !== undefined && (kind !== 'initContainers' || restartPolicy !== 'Always')
}

/** Policies of single containers (KEP-5307). */
function dropRestartRules(spec: PodSpec, old: PodSpec | undefined): void {
  for (const kind of kinds) {
    for (const container of spec[kind] ?? nothing) {
      if (!hasRules(kind, container)) continue
      if (old !== undefined && kinds.some((each) => old[each]?.some((one) => hasRules(each, one)) === true)) return
      delete container.restartPolicyRules
      if (kind !== 'initContainers' || container.restartPolicy !== 'Always') delete container.restartPolicy
    }
  }
}

/** Signals that stop containers (KEP-4960). */
function dropStopSignal(container: Container, old: PodSpec | undefined): void {
  if (some(old, ({ lifecycle }) => lifecycle?.stopSignal !== undefined)) return
  const { stopSignal: _, ...lifecycle } = container.lifecycle!
  if (Object.keys(lifecycle).length === 0) delete container.lifecycle
  else container.lifecycle = lifecycle
}

const readsFile = ({ valueFrom }: NonNullable<Container['env']>[number]): boolean => valueFrom?.fileKeyRef !== undefined

/** Variables from files of volumes (KEP-3721). */
function dropFileVariables(container: Container, old: PodSpec | undefined): void {
  if (some(old, ({ env }) => env?.some(readsFile) === true)) return
  for (const { valueFrom } of container.env!) delete valueFrom?.fileKeyRef
}

/** Roots and certificates that kubelets fetch (KEP-3257 and KEP-4317). */
function dropProjections(volume: Volume, old: PodSpec | undefined): void {
  for (const kind of ['clusterTrustBundle', 'podCertificate'] as const) {
    if (volume.projected!.sources!.every((source) => source[kind] === undefined)) continue
    const wasThere = old?.volumes?.some(({ projected }) => projected?.sources?.some((one) => one[kind] !== undefined))
    if (wasThere !== true) for (const source of volume.projected!.sources!) delete source[kind]
  }
}

const isImage = ({ image }: Volume): boolean => image !== undefined

/** Volumes that are images (KEP-4639), with their mounts. */
function dropImages(spec: PodSpec): void {
  const names = new Set(spec.volumes!.filter(isImage).map(({ name }) => name))
  spec.volumes = spec.volumes!.filter((volume) => !isImage(volume))
  if (spec.volumes.length === 0) delete spec.volumes
  for (const kind of kinds) {
    for (const container of spec[kind] ?? nothing) {
      if (container.volumeMounts === undefined) continue
      container.volumeMounts = container.volumeMounts.filter(({ name }) => !names.has(name))
      if (container.volumeMounts.length === 0) delete container.volumeMounts
    }
  }
}
