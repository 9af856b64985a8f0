import type { Assembly } from './assembly.ts'
import { kubeletClientName } from './certificates.ts'
import { enforcesNetworkPolicies, serviceAddresses } from './config.ts'
import { usualNodeSettings } from './kubeletSettings.ts'
import { pauseImage } from './place/containerdConfig.ts'
import { addressesOf } from './record.ts'
import { partLogFile } from './partLogs.ts'
import { allParts } from './systemPods.ts'
import type { ContainerRuntime } from '#kubelet/runtime/containerRuntime.ts'
import { completeSettings } from '#kubelet/settings.ts'
import type { Component } from '#lib/component.ts'

const seccompFolder = '/var/lib/kubelet/seccomp'
const kubeletPort = 10250

/** The node's agent over its own containerd. */
export function kubeletPart(assembly: Assembly): Component {
  return {
    name: 'kubelet',
    needs: ['informers', 'events', 'containerd', ...(assembly.controlPlane === undefined ? [] : ['bootstrap-objects'])],
    async run(ready, signal) {
      // Brings gRPC along: not before the API server answers, and never where no containers run.
      const { openContainerd } = await import('#kubelet/runtime/containerd.ts')
      const { place, clock, host, logOf } = assembly
      using runtime = await openContainerd({
        socket: place!.layout.socket,
        clock,
        files: host.files,
        seccompFolder,
        report: logOf('kubelet').report,
      })
      await (await makeKubelet(assembly, runtime)).run(ready, signal)
    },
  }
}

async function makeKubelet(assembly: Assembly, runtime: ContainerRuntime): Promise<Component> {
  const { kubelet } = await import('#kubelet/kubelet.ts')
  const { host, clock, random, node, place, paths, record, informers, events, authority, nodeServer, clientOf, logOf } =
    assembly
  const { name, address, role } = node!
  const { files } = host
  const { report } = logOf('kubelet')
  const alone = record.config.workers === 0
  return kubelet({
    nodeName: name,
    client: clientOf(`system:node:${name}`),
    runtime,
    host,
    clock,
    random,
    directories: { root: paths.kubeletFolder(name), logs: paths.podLogFolder(name) },
    cgroupRoot: place!.layout.placeCgroup,
    addresses: addressesOf(node!),
    dns: {
      clusterServers: serviceAddresses(record.config, 10),
      clusterDomain: record.config.clusterDomain,
      nodeResolvConf: (await files.readText(assembly.resolvConf)) ?? '',
    },
    taints:
      role === 'control-plane' && !alone
        ? [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }]
        : [],
    settings: completeSettings(record.config.kubelet, usualNodeSettings),
    keptImages: [pauseImage],
    server: {
      address,
      port: kubeletPort,
      certificate: nodeServer!.certificate,
      key: nodeServer!.key,
      clientAuthority: authority,
      clientNames: [kubeletClientName],
    },
    informers,
    events,
    systemLog: (pod) => systemLogOf(assembly, pod),
    ...(enforcesNetworkPolicies(record.config)
      ? { admitPod: assembly.podAdmission.admit.bind(assembly.podAdmission) }
      : {}),
    report,
  })
}

/** The log behind a mirror pod of this node, which no container wrote. */
function systemLogOf({ paths, node }: Assembly, pod: string): string | undefined {
  const part = allParts.find(({ name }) => pod === `${name}-${node!.name}`)
  return part === undefined ? undefined : partLogFile(paths.podLogFolder(node!.name), part.name)
}
