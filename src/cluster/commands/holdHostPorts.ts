import type { Command } from './command.ts'

/** `k8ts hold-host-ports`: the process that serves services under names of this machine. A control plane starts it on need. */
export const holdHostPorts: Command = {
  define(program, run) {
    program.command('hold-host-ports', { hidden: true }).action(() =>
      run(async (surroundings) => {
        const { runHostPorts } = await import('#cluster/hostPorts.ts')
        await runHostPorts(surroundings)
        return 0
      }),
    )
  },
}
