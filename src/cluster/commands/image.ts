import { resolve } from 'node:path'
import type { Command, Surroundings } from './command.ts'
import { clusterNameOf, existingCluster } from './names.ts'
import { alignColumns } from './alignColumns.ts'
import { architectureOf } from '#cluster/image/build.ts'
import { buildFolder, buildFromFile, type BuiltImage, type ImageFolders } from '#cluster/image/buildSet.ts'
import { adoptArchive, importSavedImages, listImages, listSavedImages } from '#cluster/image/store.ts'
import { findContainerd } from '#cluster/place/containerd.ts'
import { listPlaces } from '#cluster/place/place.ts'
import { sharedFolders, type Roots } from '#cluster/place/layout.ts'
import { buildingImages, whileAlone } from '#cluster/machineLock.ts'
import { listClusters } from '#cluster/record.ts'

/** Where this machine keeps images for its clusters. */
function imageFolders({ data }: Roots): ImageFolders {
  const { images, packages, work } = sharedFolders
  return { images: `${data}/${images}`, packages: `${data}/${packages}`, work: `${data}/${work}` }
}

/** `k8ts image build|import|list`: images for the nodes of this machine's clusters, without a registry. */
export const image: Command = {
  define(program, run) {
    const group = program.command('image').description('build, import and list images of the nodes')
    group
      .command('build')
      .description('build an image from a build file, or all of a folder, and give it to the nodes')
      .requiredOption('-f, --file <path>', 'a build file, or a folder of them')
      .option('-t, --tag <name...>', 'name of the image; those in the file when absent')
      .option('--cluster <name>', 'only to the nodes of this cluster; otherwise to all')
      .action((flags: { readonly file: string; readonly tag?: readonly string[]; readonly cluster?: string }) =>
        run(async (surroundings) => {
          const { host, roots, signal, print } = surroundings
          if (flags.cluster !== undefined) await existingCluster(surroundings, flags.cluster)
          const path = resolve(flags.file)
          const status = await host.files.status(path)
          if (status === undefined) throw new Error(`there is no ${path}`)
          const architecture = architectureOf(process.arch)
          const build = (): Promise<readonly BuiltImage[]> =>
            status.kind === 'folder'
              ? buildFolder(host, path, imageFolders(roots), architecture, signal)
              : buildFromFile(host, path, flags.tag ?? [], imageFolders(roots), architecture, signal)
          const built = await whileAlone(surroundings, buildingImages, build, print)
          for (const { name } of built) print(`built ${name}`)
          await giveToNodes(surroundings, flags.cluster)
          return 0
        }),
      )
    group
      .command('import')
      .description('take an image archive (OCI layout) and give it to the nodes')
      .argument('<archive>', 'a .tar file')
      .option('-t, --tag <name>', 'name of the image; the one in the archive when absent')
      .option('--cluster <name>', 'only to the nodes of this cluster; otherwise to all')
      .action((archive: string, flags: { readonly tag?: string; readonly cluster?: string }) =>
        run(async (surroundings) => {
          const { host, roots, print } = surroundings
          if (flags.cluster !== undefined) await existingCluster(surroundings, flags.cluster)
          const folder = imageFolders(roots).images
          const names = await adoptArchive(host, folder, resolve(archive), architectureOf(process.arch), flags.tag)
          for (const name of names) print(`imported ${name}`)
          await giveToNodes(surroundings, flags.cluster)
          return 0
        }),
      )
    group
      .command('list')
      .description('list the images of the nodes, or those kept on this machine when there is no cluster')
      .argument('[name]', 'the cluster')
      .action((given: string | undefined) => run((surroundings) => listAll(surroundings, given)))
  },
}

/** So long after its first process a node that is being ended has none left. */
const endingMs = 2_000

/** Imports what is kept on this machine into every node that lacks it. */
async function giveToNodes(surroundings: Surroundings, cluster: string | undefined): Promise<void> {
  const { host, roots, signal, print } = surroundings
  if (!surroundings.mayMakeNodes) return
  const only = cluster === undefined ? undefined : (await existingCluster(surroundings, cluster)).config.name
  for (const place of await listPlaces(host, only, roots)) {
    // A stopped node needs nothing now: it gets what it lacks when it starts.
    if ((await findContainerd(host, place)) === undefined) continue
    try {
      const imported = await importSavedImages(host, place, imageFolders(roots).images, signal)
      if (imported.length > 0) print(`${place.cluster}/${place.node}: ${imported.length} new`)
    } catch (error) {
      // Nor does one that is being stopped or removed meanwhile, whose containerd ends last.
      signal.throwIfAborted()
      await host.clock.sleep(endingMs, signal)
      if ((await findContainerd(host, place)) !== undefined) throw error
    }
  }
}

async function listAll(surroundings: Surroundings, given: string | undefined): Promise<number> {
  const { host, roots, signal, print } = surroundings
  if (given !== undefined) await existingCluster(surroundings, given)
  const known = await listClusters(host.files, roots)
  if (given === undefined && known.every(({ record }) => record === undefined || record.nodes.length === 0)) {
    for (const path of await listSavedImages(host, imageFolders(roots).images)) print(path)
    return 0
  }
  const rows = [['CLUSTER', 'NODE', 'IMAGE', 'SIZE']]
  for (const place of await listPlaces(host, given === undefined ? undefined : clusterNameOf(given), roots)) {
    for (const { name, size } of await listImages(host, place, signal))
      rows.push([place.cluster, place.node, name, size])
  }
  for (const line of alignColumns(rows)) print(line)
  return 0
}
