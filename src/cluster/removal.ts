import { basename } from 'node:path'
import type { Surroundings } from '#cluster/commands/command.ts'
import { removeUnmounted } from '#kubelet/volumes/removal.ts'
import { messageOf } from '#lib/errorText.ts'
import { contextName, forgetContext, kubeconfigOwner, kubeconfigPath } from './kubeconfig.ts'
import { changingKubeconfig, whileAlone } from '#cluster/machineLock.ts'
import { destroyCluster, destroyPlace, listPlaces } from '#cluster/place/place.ts'
import { endUnusedHostPorts } from './hostPorts.ts'
import { controlPlaneName, findNodeProcess, stopNodeProcess } from './processes.ts'
import { BrokenRecord, clusterPaths, readRecord, type ClusterRecord } from './record.ts'

/**
 * Ends a cluster and removes everything of it from this machine, whatever state it is in. Rejects at the end, with all else
 * gone, when its context could not be taken out of the user's kubeconfig.
 */
export async function removeCluster(surroundings: Surroundings, cluster: string): Promise<void> {
  const { host, roots, uid, mayMakeNodes, environment } = surroundings
  const { files } = host
  const record = await readWhatIsLeft(surroundings, cluster)
  await endCluster(surroundings, cluster, { force: true })
  if (mayMakeNodes || hasNodes(record)) await destroyCluster(host, cluster, { roots })
  const paths = clusterPaths(cluster, roots)
  const { recordFile, removedFile } = paths
  const isBroken = record === undefined && (await files.status(recordFile)) !== undefined
  const path = record?.kubeconfig ?? (isBroken ? await kubeconfigPath(files, environment, uid) : undefined)
  const failure = await whileAlone({ host, roots }, changingKubeconfig, async () => {
    if (path !== undefined) await forgetContext(files, { path, owner: kubeconfigOwner(environment, uid) }, cluster)
  }).then(
    () => undefined,
    (error: unknown) => error,
  )
  // From here on there is no such cluster: its data is no more than half there when this is interrupted.
  if ((await files.status(recordFile)) !== undefined) await files.rename(recordFile, removedFile)
  // What a node without a mount namespace of its own has mounted here is kept elsewhere, and not for us to remove.
  const dataFolder = (await files.realPath(paths.dataFolder)) ?? paths.dataFolder
  for (const name of await files.list(dataFolder))
    if (name !== basename(removedFile)) await removeUnmounted(host, `${dataFolder}/${name}`)
  await files.remove(removedFile)
  // Somebody may have given it a disk of its own.
  await files.removeIfEmpty(dataFolder)
  await files.remove(paths.runtimeFolder)
  if (failure !== undefined)
    throw new Error(
      `the cluster is gone, but its context is still in the kubeconfig: ${messageOf(failure)}; "kubectl config delete-context ${contextName(cluster)}" removes it`,
      { cause: failure },
    )
}

/** Takes away what is left of a cluster whose removal was interrupted. */
export async function finishRemoval(surroundings: Surroundings, cluster: string): Promise<void> {
  const { host, roots } = surroundings
  if ((await host.files.status(clusterPaths(cluster, roots).removedFile)) !== undefined)
    await removeCluster(surroundings, cluster)
}

const hasNodes = (record: ClusterRecord | undefined): boolean => record !== undefined && record.nodes.length > 0

/** What is noted of a cluster that is to go, were it broken. */
async function readWhatIsLeft({ host, roots }: Surroundings, cluster: string): Promise<ClusterRecord | undefined> {
  return await readRecord(host.files, cluster, roots).catch((error: unknown) => {
    if (error instanceof BrokenRecord) return undefined
    throw error
  })
}

/** Ends everything that runs in a cluster and keeps what is on the disk. `force` does not wait for anybody. */
export async function endCluster(
  surroundings: Surroundings,
  cluster: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const { host, roots, mayMakeNodes } = surroundings
  const record = await readWhatIsLeft(surroundings, cluster)
  const names = new Set(record?.nodes.map(({ name }) => name) ?? [])
  if (names.size === 0) names.add(controlPlaneName)
  const mayHaveNodes = mayMakeNodes || hasNodes(record)
  const places = mayHaveNodes ? await listPlaces(host, cluster, roots) : []
  for (const { node } of places) names.add(node)
  await Promise.all(
    [...names].map(async (node) => {
      const living = force ? await findNodeProcess(surroundings, cluster, node) : undefined
      if (living !== undefined) host.processes.kill(living.pid, 'SIGKILL')
      await stopNodeProcess(surroundings, cluster, node)
    }),
  )
  if (!mayHaveNodes) return
  await endUnusedHostPorts(host, roots, cluster)
  await Promise.all([...names].map((node) => destroyPlace(host, cluster, node, { keepData: true, roots })))
}
