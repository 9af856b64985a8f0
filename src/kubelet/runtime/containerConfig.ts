import type { Pod } from '#api/core/v1/pod.ts'
import { containerNamed, hashOfContainer } from '../plan/podView.ts'
import { computeContainerResources } from './containerResources.ts'
import type { ContainerRequest, MountRequest, SandboxRequest } from './containerRuntime.ts'
import type { ContainerConfig, CriMount, PodSandboxConfig } from './criMessages.ts'
import { computeGroups, computeNamespaces, computeSeccomp, computeSecurityContext } from './securityContext.ts'

/** The labels and annotations by which containers are found again after a restart of the agent; upstream's names. */
export const labelNames = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const
export const annotationNames = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  /** Where the node keeps the file; our own. */
  terminationMessageFile: 'k8ts.dev/termination-message-file',
} as const

/** What the machine allows. */
export interface NodeFacts {
  readonly memoryBytes: number
  /** Whether scores below our own can be set (CAP_SYS_RESOURCE). */
  readonly canLowerOomScore: boolean
  readonly seccompFolder: string
}

/** Sysctls may be written with slashes; the runtime wants dots. */
export function sysctlName(name: string): string {
  return name.includes('/') ? name.replaceAll('.', '\0').replaceAll('/', '.').replaceAll('\0', '/') : name
}

function podLabels(pod: Pod): Record<string, string> {
  const { name, namespace = '', uid = '', labels = {} } = pod.metadata
  return {
    ...labels,
    [labelNames.podName]: name,
    [labelNames.podNamespace]: namespace,
    [labelNames.podUid]: uid,
  }
}

/** The CRI's description of a pod's sandbox. Throws for what no sandbox gives: less than was asked for would be unsafe. */
export function sandboxConfig(request: SandboxRequest, node: NodeFacts): PodSandboxConfig {
  const { pod, attempt, hostname, logFolder, cgroupParent, dns } = request
  const { name, namespace = '', uid = '', annotations = {} } = pod.metadata
  const { securityContext: shared = {} } = pod.spec
  if (pod.spec.hostUsers === false) {
    throw new Error("can't set `spec.hostUsers: false`, this node's agent does not support user namespaces")
  }
  const isPrivileged = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].some(
    (container) => container.securityContext?.privileged === true,
  )
  return {
    metadata: { name, namespace, uid, attempt },
    // A sandbox in the node's network has the node's name, which the runtime refuses to set again.
    hostname: pod.spec.hostNetwork === true ? '' : hostname,
    logDirectory: logFolder,
    dnsConfig: dns,
    labels: podLabels(pod),
    annotations: { ...annotations },
    linux: {
      cgroupParent,
      sysctls: Object.fromEntries((shared.sysctls ?? []).map((sysctl) => [sysctlName(sysctl.name), sysctl.value])),
      securityContext: {
        namespaceOptions: computeNamespaces(pod),
        ...(shared.seLinuxOptions === undefined ? {} : { selinuxOptions: shared.seLinuxOptions }),
        ...(shared.runAsUser === undefined ? {} : { runAsUser: { value: shared.runAsUser } }),
        // The runtime takes a group only together with a user.
        ...(shared.runAsGroup === undefined || shared.runAsUser === undefined
          ? {}
          : { runAsGroup: { value: shared.runAsGroup } }),
        supplementalGroups: computeGroups(pod),
        ...(shared.supplementalGroupsPolicy === 'Strict' ? { supplementalGroupsPolicy: 'Strict' as const } : {}),
        privileged: isPrivileged,
        seccomp: computeSeccomp(shared.seccompProfile ?? { type: 'RuntimeDefault' }, node.seccompFolder),
      },
    },
  }
}

const propagations = {
  private: 'PROPAGATION_PRIVATE',
  hostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const

function mountConfig({ containerPath, hostPath, readOnly, recursiveReadOnly, propagation }: MountRequest): CriMount {
  return {
    containerPath,
    hostPath,
    readonly: readOnly,
    ...(recursiveReadOnly === true ? { recursiveReadOnly } : {}),
    propagation: propagations[propagation],
  }
}

/** The CRI's description of one container. Throws when the pod has no container of that name: that is a bug. */
export function containerConfig(request: ContainerRequest, node: NodeFacts): ContainerConfig {
  const { pod, name, attempt, imageRef, environment, mounts, terminationMessageFile, targetId } = request
  const container = containerNamed(pod, name)
  if (container === undefined) throw new Error(`Pod "${pod.metadata.name}" has no container "${name}"`)
  const messagePath = container.terminationMessagePath ?? '/dev/termination-log'
  const messageMount: MountRequest[] =
    terminationMessageFile === undefined
      ? []
      : [{ containerPath: messagePath, hostPath: terminationMessageFile, readOnly: false, propagation: 'private' }]
  return {
    metadata: { name, attempt },
    image: { image: imageRef, userSpecifiedImage: container.image ?? '' },
    command: request.command,
    args: request.arguments,
    workingDir: container.workingDir ?? '',
    envs: environment.map((variable) => ({ key: variable.name, value: Buffer.from(variable.value) })),
    mounts: [...mounts, ...messageMount].map(mountConfig),
    labels: { ...podLabels(pod), [labelNames.containerName]: name },
    annotations: {
      [annotationNames.hash]: hashOfContainer(container),
      [annotationNames.restartCount]: String(attempt),
      [annotationNames.terminationMessagePath]: messagePath,
      [annotationNames.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
      ...(terminationMessageFile === undefined
        ? {}
        : { [annotationNames.terminationMessageFile]: terminationMessageFile }),
    },
    logPath: request.logPath,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: computeContainerResources(pod, container, node),
      securityContext: computeSecurityContext(pod, container, {
        seccompFolder: node.seccompFolder,
        ...(targetId === undefined ? {} : { targetId }),
        ...(request.supplementalGroups === undefined ? {} : { supplementalGroups: request.supplementalGroups }),
      }),
    },
  }
}
