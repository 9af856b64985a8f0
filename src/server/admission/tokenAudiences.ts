// For whom a node may ask for tokens in the name of a pod that it runs (KEP-4412, ServiceAccountNodeAudienceRestriction):
// the audiences that the pod's volumes name, and those that the drivers of its volumes ask for.
import type { TokenRequest } from '#api/authentication/v1/tokenRequest.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { csiDrivers } from '#api/storage/v1/csiDriver.ts'
import type { AdmissionRequest, ClusterView } from './chain.ts'
import type { AskAccess } from './policies/input.ts'

/** Why a node may not have a token for the audiences that it asks for; undefined when it may. */
export function audienceProblem(
  request: AdmissionRequest,
  pod: Pod,
  cluster: ClusterView,
  access: AskAccess,
): string | undefined {
  const { audiences = [] } = (request.object as TokenRequest).spec
  if (audiences.length > 1) return 'node may only request 0 or 1 audiences'
  const [audience = ''] = audiences
  const quoted = JSON.stringify(audience)
  const problems: string[] = []
  for (const volume of pod.spec.volumes ?? []) {
    const named = asksFor(pod, volume, audience, cluster)
    if (named === true) return undefined
    if (named !== false) problems.push(named)
  }
  if (problems.length > 0) return `error validating audience ${quoted}: ${aggregated(problems)}`
  const { caller, namespace, name } = request
  const { allowed, error } = access(caller, {
    verb: 'request-serviceaccounts-token-audience',
    group: '',
    resource: audience,
    subresource: '',
    namespace,
    name,
    fieldSelector: '',
    labelSelector: '',
  })
  if (allowed) return undefined
  const why =
    error === undefined
      ? `${caller.name} is not authorized to request tokens for this audience`
      : `error authorizing ${caller.name} to request tokens for this audience: ${error}`
  return `audience ${quoted} not found in pod spec volume, ${why}`
}

/** Whether a volume asks for tokens for this audience, or what is missing to tell. */
function asksFor(pod: Pod, volume: Volume, audience: string, cluster: ClusterView): boolean | string {
  const isNamed = volume.projected?.sources?.some(
    ({ serviceAccountToken }) => serviceAccountToken !== undefined && (serviceAccountToken.audience ?? '') === audience,
  )
  if (isNamed === true) return true
  const { namespace = '', name } = pod.metadata
  const claim =
    volume.ephemeral?.volumeClaimTemplate === undefined
      ? volume.persistentVolumeClaim?.claimName
      : `${name}-${volume.name}`
  if (claim !== undefined) return claimAsksFor(namespace, claim, audience, cluster)
  const driver = volume.csi?.driver ?? builtInDriver(volume)
  return driver === undefined ? false : driverAsksFor(driver, audience, cluster)
}

function claimAsksFor(namespace: string, name: string, audience: string, cluster: ClusterView): boolean | string {
  const claim = cluster.get(persistentVolumeClaims, namespace, name)
  if (claim === undefined) return `persistentvolumeclaim "${name}" not found`
  const { volumeName = '' } = claim.spec
  const volume = volumeName === '' ? undefined : cluster.get(persistentVolumes, '', volumeName)
  if (volume === undefined) return `persistentvolume "${volumeName}" not found`
  const driver = volume.spec.csi?.driver ?? builtInDriver(volume.spec)
  return driver === undefined ? false : driverAsksFor(driver, audience, cluster)
}

function driverAsksFor(name: string, audience: string, cluster: ClusterView): boolean | string {
  const driver = cluster.get(csiDrivers, '', name)
  if (driver === undefined) return `csidriver.storage.k8s.io "${name}" not found`
  return (driver.spec.tokenRequests ?? []).some((asked) => (asked.audience ?? '') === audience)
}

/** The drivers that serve the sources of volumes which Kubernetes once served itself. */
const builtInDrivers = {
  awsElasticBlockStore: 'ebs.csi.aws.com',
  azureDisk: 'disk.csi.azure.com',
  azureFile: 'file.csi.azure.com',
  cinder: 'cinder.csi.openstack.org',
  gcePersistentDisk: 'pd.csi.storage.gke.io',
  portworxVolume: 'pxd.portworx.com',
  vsphereVolume: 'csi.vsphere.vmware.com',
} as const

function builtInDriver(sources: Readonly<Partial<Record<keyof typeof builtInDrivers, object>>>): string | undefined {
  for (const [source, driver] of Object.entries(builtInDrivers)) {
    if (sources[source as keyof typeof builtInDrivers] !== undefined) return driver
  }
  return undefined
}

/** Several problems as upstream joins them, each once. */
function aggregated(problems: readonly string[]): string {
  const different = [...new Set(problems)]
  return different.length === 1 ? different[0]! : `[${different.join(', ')}]`
}
