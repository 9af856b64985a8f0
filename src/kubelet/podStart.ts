import type { Container, EphemeralContainer, VolumeMount } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { podFolder, podLogFolder, type NodeServices } from './nodeServices.ts'
import type { PodVolumes } from './podVolumes.ts'
import type { OwnFacts } from './plan/fieldRefs.ts'
import { isRecursivelyReadOnly, knowsRecursiveReadOnly } from './plan/planVolumes.ts'
import { allContainers } from './plan/podView.ts'
import { ConfigError, computeEnvironment, expandVariables } from './runtime/environment.ts'
import { computeDns, computeHostname, computeHostsFile } from './runtime/podNames.ts'
import { checkNonRoot } from './runtime/securityContext.ts'
import { computeServiceEnvironment } from './runtime/serviceEnvironment.ts'
import type { ContainerRequest, MountRequest, SandboxRequest } from './runtime/containerRuntime.ts'
import { subPathsFolder } from './volumes/removal.ts'
import { showSubPath } from './volumes/subPath.ts'

/** All that the runtime must be told for a pod's sandbox. */
export function prepareSandbox(services: NodeServices, pod: Pod, attempt: number): SandboxRequest {
  const { dns, cgroups } = services
  return {
    pod,
    attempt,
    hostname: computeHostname(pod, dns.clusterDomain).hostname,
    logFolder: podLogFolder(services, pod),
    cgroupParent: cgroups.pathOf(pod),
    dns: computeDns(pod, dns),
  }
}

/** The folders of all containers of a pod; made while its sandbox is, so that no start waits for them. */
export async function prepareFolders(services: NodeServices, pod: Pod): Promise<void> {
  const { files } = services.host
  await Promise.all(
    allContainers(pod).flatMap(({ container }) => [
      files.makeFolder(messageFolder(services, pod, container.name)),
      files.makeFolder(`${podLogFolder(services, pod)}/${container.name}`),
    ]),
  )
}

function messageFolder(services: NodeServices, pod: Pod, container: string): string {
  return `${podFolder(services, pod.metadata.uid ?? '')}/containers/${container}`
}

export interface ContainerStart {
  readonly pod: Pod
  readonly container: Container | EphemeralContainer
  readonly attempt: number
  readonly imageRef: string
  readonly sandboxId: string
  readonly facts: OwnFacts
  readonly targetId?: string
}

/**
 * Everything that a container needs before it can be made: its environment, files and folders. Rejects with a
 * ConfigError when it cannot be made as it is specified.
 */
export async function prepareContainer(
  services: NodeServices,
  volumes: PodVolumes,
  start: ContainerStart,
  signal: AbortSignal,
): Promise<ContainerRequest> {
  const { pod, container, attempt, facts } = start
  const { host, objects, runtime } = services
  if (mustNotBeRoot(pod, container)) {
    const image = await runtime.findImage(container.image ?? '', signal)
    if (image !== undefined) checkNonRoot(pod, container, image)
  }
  const environment = computeEnvironment(
    pod,
    container,
    objects.objectsOf(pod.metadata.namespace ?? ''),
    computeServiceEnvironment(pod, await services.services(signal)),
    facts,
  )
  const expand = (text: string): string => expandVariables(text, (name) => environment.get(name))
  const folder = messageFolder(services, pod, container.name)
  const messageFile = `${folder}/${attempt}.termination-message`
  const { files } = host
  // The folders of the others were made with the sandbox.
  if (isEphemeral(pod, container)) await prepareFolders(services, pod)
  const groups = volumes.groups()
  const [mounts] = await Promise.all([
    prepareMounts(services, volumes, start, expand),
    files.createExclusive(messageFile, '', { mode: 0o666 }),
  ])
  return {
    pod,
    name: container.name,
    attempt,
    sandboxId: start.sandboxId,
    sandbox: prepareSandbox(services, pod, 0),
    imageRef: start.imageRef,
    environment: [...environment].map(([name, value]) => ({ name, value })),
    mounts,
    command: (container.command ?? []).map(expand),
    arguments: (container.args ?? []).map(expand),
    logPath: `${container.name}/${attempt}.log`,
    terminationMessageFile: messageFile,
    ...(groups.length === 0 ? {} : { supplementalGroups: groups }),
    ...(start.targetId === undefined ? {} : { targetId: start.targetId }),
  }
}

function isEphemeral(pod: Pod, container: Container): boolean {
  return pod.spec.ephemeralContainers?.some(({ name }) => name === container.name) === true
}

function mustNotBeRoot(pod: Pod, container: Container): boolean {
  return (container.securityContext?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot) === true
}

const propagations = { None: 'private', HostToContainer: 'hostToContainer', Bidirectional: 'bidirectional' } as const

async function prepareMounts(
  services: NodeServices,
  volumes: PodVolumes,
  { pod, container, facts }: ContainerStart,
  expand: (text: string) => string,
): Promise<readonly MountRequest[]> {
  const { host, dns } = services
  const mounts: MountRequest[] = []
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = volumes.find(mount.name)
    if (volume === undefined) {
      throw new ConfigError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`)
    }
    const recursive = resolveRecursion(services, mount)
    const subPath = mount.subPathExpr === undefined ? (mount.subPath ?? '') : expand(mount.subPathExpr)
    const target = `${podFolder(services, pod.metadata.uid ?? '')}/${subPathsFolder}/${mount.name}/${container.name}/${index}`
    mounts.push({
      containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      hostPath:
        subPath === ''
          ? volume.path
          : await prepareSubPath(services, volume.path, subPath, target, {
              mount: mount.name,
              container: container.name,
            }),
      readOnly: mount.readOnly === true || volume.readOnly,
      ...(recursive ? { recursiveReadOnly: true } : {}),
      propagation: propagations[mount.mountPropagation ?? 'None'],
    })
  }
  if (!mounts.some((mount) => mount.containerPath === '/etc/hosts')) {
    const file = `${podFolder(services, pod.metadata.uid ?? '')}/etc-hosts`
    const name = computeHostname(pod, dns.clusterDomain)
    const nodeHosts = pod.spec.hostNetwork === true ? await services.hostsFile() : ''
    const text = computeHostsFile(pod, facts.podIPs, name, nodeHosts)
    // Containers have this very file mounted: a second one must not replace it under the first.
    if ((await host.files.readText(file)) !== text) await host.files.write(file, text, { mode: 0o644 })
    mounts.push({ containerPath: '/etc/hosts', hostPath: file, readOnly: false, propagation: 'private' })
  }
  return mounts
}

function resolveRecursion(services: NodeServices, mount: VolumeMount): boolean {
  try {
    return isRecursivelyReadOnly(mount, knowsRecursiveReadOnly(services.node()))
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}

/** The words of refusals are upstream's: more would tell of the node's own files. Those are for the node's log. */
async function prepareSubPath(
  { host, report }: NodeServices,
  volume: string,
  subPath: string,
  target: string,
  names: { readonly mount: string; readonly container: string },
): Promise<string> {
  if (subPath.startsWith('/')) throw new ConfigError(`error SubPath \`${subPath}\` must not be an absolute path`)
  if (subPath.split('/').includes('..')) {
    throw new ConfigError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`)
  }
  try {
    return await showSubPath(host, volume, subPath, target)
  } catch (error) {
    const message = `failed to prepare subPath for volumeMount "${names.mount}" of container "${names.container}"`
    report(message, error)
    throw new ConfigError(message)
  }
}
