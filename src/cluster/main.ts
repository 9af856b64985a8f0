import type { Surroundings } from '#cluster/commands/command.ts'
import { runProgram } from './program.ts'

/** Runs one command line and returns the exit code. */
export function main(args: readonly string[], self: readonly string[]): Promise<number> {
  return runProgram(self, (surroundings) => run(args, surroundings))
}

async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  // It stays as long as a cluster does, and holds nothing of what only people need.
  if (args.length === 1 && args[0] === 'hold-host-ports') {
    const { runHostPorts } = await import('./hostPorts.ts')
    await runHostPorts(surroundings)
    return 0
  }
  const { runCommand } = await import('./commandLine.ts')
  return await runCommand(args, surroundings)
}
