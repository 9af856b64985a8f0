import type { Container } from '#api/core/v1/container.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { HTTPGetAction, Probe } from '#api/core/v1/probe.ts'
import type { Volume } from '#api/core/v1/volume.ts'

/** Fills in what a pod leaves out. Only a pod, not a template, gets requests from its limits and service links. */
export function defaultPod(pod: Pod): void {
  const { spec } = pod
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) requestsFromLimits(container)
  if (spec.resources?.limits !== undefined) {
    spec.resources.requests ??= {}
    for (const [name, limit] of Object.entries(spec.resources.limits)) spec.resources.requests[name] ??= limit
  }
  spec.enableServiceLinks ??= true
  defaultPodSpec(spec)
}

/** What is asked for is at least what is allowed, where only the limit is given. */
function requestsFromLimits({ resources }: Container): void {
  if (resources?.limits === undefined) return
  resources.requests ??= {}
  for (const [name, limit] of Object.entries(resources.limits)) resources.requests[name] ??= limit
}

/** Fills in what the spec of a pod or of a pod template leaves out. */
export function defaultPodSpec(spec: PodSpec): void {
  spec.containers ??= []
  spec.restartPolicy ??= 'Always'
  spec.terminationGracePeriodSeconds ??= 30
  spec.dnsPolicy ??= 'ClusterFirst'
  spec.securityContext ??= {}
  spec.schedulerName ??= 'default-scheduler'
  // The older name of the same field: clients may send and expect either.
  const account = spec.serviceAccountName ?? spec.serviceAccount
  if (account !== undefined) spec.serviceAccountName = spec.serviceAccount = account
  for (const volume of spec.volumes ?? []) defaultVolume(volume)
  const ephemeral = (spec.ephemeralContainers ?? []) as Container[]
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...ephemeral]) {
    defaultContainer(container)
    if (spec.hostNetwork === true) for (const port of container.ports ?? []) port.hostPort ??= port.containerPort
  }
}

function defaultContainer(container: Container): void {
  container.imagePullPolicy ??= pullPolicyOf(container.image ?? '')
  container.resources ??= {}
  container.terminationMessagePath ??= '/dev/termination-log'
  container.terminationMessagePolicy ??= 'File'
  for (const port of container.ports ?? []) port.protocol ??= 'TCP'
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ??= 'v1'
    if (valueFrom?.resourceFieldRef !== undefined) valueFrom.resourceFieldRef.divisor ??= '0'
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe !== undefined) defaultProbe(probe)
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) {
    if (handler?.httpGet !== undefined) defaultHttpGet(handler.httpGet)
  }
}

/** A tag that moves is asked for every time. */
function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  if (image.includes('@')) return 'IfNotPresent'
  const colon = image.lastIndexOf(':')
  const tag = colon > image.lastIndexOf('/') ? image.slice(colon + 1) : ''
  return tag === '' || tag === 'latest' ? 'Always' : 'IfNotPresent'
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  if (probe.httpGet !== undefined) defaultHttpGet(probe.httpGet)
  if (probe.grpc !== undefined) probe.grpc.service ??= ''
}

function defaultHttpGet(action: HTTPGetAction): void {
  action.path ||= '/'
  action.scheme ||= 'HTTP'
}

const readableByAll = 0o644

function defaultVolume(volume: Volume): void {
  // A volume that names no source is an empty directory.
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {}
  if (volume.secret !== undefined) volume.secret.defaultMode ??= readableByAll
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= readableByAll
  if (volume.hostPath !== undefined) volume.hostPath.type ??= ''
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= readableByAll
    for (const item of volume.downwardAPI.items ?? []) {
      if (item.fieldRef !== undefined) item.fieldRef.apiVersion ??= 'v1'
      if (item.resourceFieldRef !== undefined) item.resourceFieldRef.divisor ??= '0'
    }
  }
  if (volume.projected !== undefined) {
    volume.projected.defaultMode ??= readableByAll
    for (const source of volume.projected.sources ?? []) {
      if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= 3600
      for (const item of source.downwardAPI?.items ?? []) {
        if (item.fieldRef !== undefined) item.fieldRef.apiVersion ??= 'v1'
        if (item.resourceFieldRef !== undefined) item.resourceFieldRef.divisor ??= '0'
      }
    }
  }
  if (volume.iscsi !== undefined) volume.iscsi.iscsiInterface ??= 'default'
  if (volume.rbd !== undefined) {
    volume.rbd.pool ??= 'rbd'
    volume.rbd.user ??= 'admin'
    volume.rbd.keyring ??= '/etc/ceph/keyring'
  }
  if (volume.azureDisk !== undefined) {
    volume.azureDisk.cachingMode ??= 'ReadWrite'
    volume.azureDisk.kind ??= 'Shared'
    volume.azureDisk.fsType ??= 'ext4'
    volume.azureDisk.readOnly ??= false
  }
  if (volume.scaleIO !== undefined) {
    volume.scaleIO.storageMode ??= 'ThinProvisioned'
    volume.scaleIO.fsType ??= 'xfs'
  }
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec
  if (claim !== undefined) claim.volumeMode ??= 'Filesystem'
}
