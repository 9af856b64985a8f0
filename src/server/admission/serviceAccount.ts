import type { Container, VolumeMount } from '#api/core/v1/container.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { serviceAccounts, type ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { randomSuffix } from '#lib/random.ts'
import { forbidden } from '#machinery/status.ts'
import { nameOf, type AdmissionPlugin, type ClusterView } from './chain.ts'

const defaultAccount = 'default'
const tokenPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const volumePrefix = 'kube-api-access-'
/** Seven seconds over an hour, so that a rotated token can be told from one somebody asked for. */
const tokenSeconds = 3607
const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** A new namespace's default account is made by a controller a moment later; pods wait for it this often and this long. */
const accountAttempts = 10
const accountPauseMs = 100

/** Every pod runs as a service account and finds its token in a volume. */
export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  admit(request, cluster) {
    if (request.operation !== 'CREATE' || request.subresource !== '' || !isPod(request.resource)) return undefined
    const pod = request.object as Pod
    if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) {
      if ((pod.spec.serviceAccountName ?? '') !== '') {
        throw forbidden(pods, nameOf(request), 'a mirror pod may not reference service accounts')
      }
      return undefined
    }
    const { spec } = pod
    if ((spec.serviceAccountName ?? '') === '') spec.serviceAccountName = defaultAccount
    const name = spec.serviceAccountName!
    spec.serviceAccount = name
    const account = cluster.get(serviceAccounts, request.namespace, name)
    if (account !== undefined) return takeFromAccount(pod, account, cluster)
    return waitForAccount(request.namespace, name, cluster).then((made) => {
      if (made !== undefined) return takeFromAccount(pod, made, cluster)
      const why = `error looking up service account ${request.namespace}/${name}: serviceaccount "${name}" not found`
      throw forbidden(pods, nameOf(request), why)
    })
  },
}

function takeFromAccount(pod: Pod, account: ServiceAccount, cluster: ClusterView): void {
  const { spec } = pod
  if ((spec.imagePullSecrets?.length ?? 0) === 0 && (account.imagePullSecrets?.length ?? 0) > 0) {
    spec.imagePullSecrets = account.imagePullSecrets!.map((each) => ({ ...each }))
  }
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod, cluster)
}

const isPod = (resource: { group: string; plural: string }): boolean =>
  resource.group === '' && resource.plural === 'pods'

/** An account that the cache did not have a moment ago; undefined where there is none in the end. */
async function waitForAccount(
  namespace: string,
  name: string,
  cluster: ClusterView,
): Promise<ServiceAccount | undefined> {
  await cluster.current()
  for (let attempt = 1; ; attempt++) {
    const found = cluster.get(serviceAccounts, namespace, name)
    if (found !== undefined || name !== defaultAccount || attempt >= accountAttempts) return found
    await cluster.pause(accountPauseMs)
  }
}

function mountToken({ spec }: Pod, cluster: ClusterView): void {
  const containers = [...(spec.initContainers ?? []), ...spec.containers].filter(
    ({ volumeMounts }) => !volumeMounts?.some(({ mountPath }) => mountPath === tokenPath),
  )
  if (containers.length === 0) return
  const volumes = (spec.volumes ??= [])
  let name = volumes.find((volume) => volume.name.startsWith(volumePrefix))?.name
  if (name === undefined) {
    do name = volumePrefix + randomSuffix(cluster.random)
    while (volumes.some((volume) => volume.name === name))
    volumes.push(tokenVolume(name))
  }
  for (const container of containers) addMount(container, { name, readOnly: true, mountPath: tokenPath })
}

function addMount(container: Container, mount: VolumeMount): void {
  container.volumeMounts = [...(container.volumeMounts ?? []), mount]
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  }
}
