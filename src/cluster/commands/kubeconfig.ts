import type { Command } from './command.ts'
import { existingCluster, unfinished } from './names.ts'
import { clusterPaths } from '#cluster/record.ts'

/** `k8ts kubeconfig [NAME]`: prints a kubeconfig that holds nothing but the cluster. */
export const kubeconfig: Command = {
  define(program, run) {
    program
      .command('kubeconfig')
      .description('print the kubeconfig of a cluster')
      .argument('[name]', 'the cluster (k8ts)')
      .action((given: string | undefined) =>
        run(async (surroundings) => {
          const { host, roots, print } = surroundings
          const { config } = await existingCluster(surroundings, given)
          const text = await host.files.readText(clusterPaths(config.name, roots).kubeconfigFile)
          if (text === undefined) throw new Error(unfinished(config.name))
          print(text.trimEnd())
          return 0
        }),
      )
  },
}
