import type { Surroundings } from '#cluster/commands/command.ts'
import { removeUnmounted } from '#kubelet/volumes/removal.ts'
import { forgetContext } from './kubeconfig.ts'
import { changingKubeconfig, whileAlone } from '#cluster/machineLock.ts'
import { destroyCluster, destroyPlace, listPlaces } from '#cluster/place/place.ts'
import { endUnusedHostPorts } from './hostPorts.ts'
import { findNodeProcess, stopNodeProcess } from './processes.ts'
import { clusterPaths, readRecord } from './record.ts'

/** Ends a cluster and removes everything of it from this machine, whatever state it is in. */
export async function removeCluster(surroundings: Surroundings, cluster: string): Promise<void> {
  const { host, roots, uid } = surroundings
  const record = await readRecord(host.files, cluster, roots)
  await endCluster(surroundings, cluster, { force: true })
  if (uid === 0) await destroyCluster(host, cluster, { roots })
  const paths = clusterPaths(cluster, roots)
  const kubeconfig = record?.kubeconfig
  if (kubeconfig !== undefined)
    await whileAlone(surroundings, changingKubeconfig, () => forgetContext(host.files, kubeconfig, cluster))
  // What a node without a mount namespace of its own has mounted here is kept elsewhere, and not for us to remove.
  await removeUnmounted(host, (await host.files.realPath(paths.dataFolder)) ?? paths.dataFolder)
  await host.files.remove(paths.runtimeFolder)
}

/** Ends everything that runs in a cluster and keeps what is on the disk. `force` does not wait for anybody. */
export async function endCluster(
  surroundings: Surroundings,
  cluster: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const { host, roots, uid } = surroundings
  const record = await readRecord(host.files, cluster, roots)
  const names = new Set(record?.nodes.map(({ name }) => name) ?? [])
  if (record !== undefined && record.nodes.length === 0) names.add('control-plane')
  const places = uid === 0 ? await listPlaces(host, cluster, roots) : []
  for (const { node } of places) names.add(node)
  await Promise.all(
    [...names].map(async (node) => {
      const living = force ? await findNodeProcess(surroundings, cluster, node) : undefined
      if (living !== undefined) host.processes.kill(living.pid, 'SIGKILL')
      await stopNodeProcess(surroundings, cluster, node)
    }),
  )
  if (uid !== 0) return
  await endUnusedHostPorts(host, roots, cluster)
  await Promise.all([...names].map((node) => destroyPlace(host, cluster, node, { keepData: true, roots })))
}
