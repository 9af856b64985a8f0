/** Links, addresses and routes, by iproute2. */
import { CommandError, silentIfNotFound } from './process.ts'
import type { Processes } from './process.ts'

/** One network namespace as seen through `ip`. */
export interface Ip {
  /** Runs `ip` commands (without the word `ip`) in order in one process; stops at the first that fails and names it. */
  batch(commands: readonly string[], signal?: AbortSignal): Promise<void>
  /** Runs every command even when some fail, and returns what went wrong, in order. For taking things away. */
  attempt(commands: readonly string[], signal?: AbortSignal): Promise<readonly string[]>
  /** The JSON answer to a `show` command, e.g. `['route', 'show', 'table', 'all']`. */
  show(words: readonly string[], signal?: AbortSignal): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** The same for the program `bridge`, which knows the forwarding tables of links. */
  readonly bridge: Pick<Ip, 'batch' | 'show'>
}

/** Our own network namespace, or the one bound to `namespaceFile`. */
export function systemIp(processes: Processes, namespaceFile?: string): Ip {
  return {
    ...netlinkProgram('ip', processes, namespaceFile),
    bridge: netlinkProgram('bridge', processes, namespaceFile),
  }
}

function netlinkProgram(program: 'ip' | 'bridge', processes: Processes, namespaceFile?: string): Omit<Ip, 'bridge'> {
  const prefix = namespaceFile === undefined ? [] : ['nsenter', `--net=${namespaceFile}`]
  const runBatch = (commands: readonly string[], force: boolean, signal?: AbortSignal) => {
    for (const command of commands) {
      if (command.includes('\n'))
        throw new TypeError(`Cannot run ${program} command ${JSON.stringify(command)}: it contains a line break`)
    }
    const argv = [...prefix, program, ...(force ? ['-force'] : []), '-batch', '-']
    return processes.run(argv, { input: `${commands.join('\n')}\n`, timeoutMs: 30_000 }, signal)
  }
  return {
    batch: async (commands, signal) => {
      if (commands.length === 0) return
      const result = await runBatch(commands, false, signal)
      if (result.code !== 0)
        throw new CommandError([program, failedCommand(commands, result.stderr)], explain(result.stderr), result)
    },
    attempt: async (commands, signal) => {
      if (commands.length === 0) return []
      const result = await silentIfNotFound(runBatch(commands, true, signal))
      return result.code === 0
        ? []
        : result.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Command failed'))
    },
    show: async (words, signal) => {
      const argv = [...prefix, program, '-json', '-details', ...words]
      const result = await silentIfNotFound(processes.run(argv, { timeoutMs: 30_000 }, signal))
      if (result.code !== 0) throw new CommandError(argv, explain(result.stderr), result)
      return result.stdout.trim() === '' ? [] : (JSON.parse(result.stdout) as Record<string, unknown>[])
    },
  }
}

const explain = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('Command failed'))
    .join('; ') || 'no reason given'

/** `ip -batch` says "Command failed -:3" for the third line. */
function failedCommand(commands: readonly string[], stderr: string): string {
  const line = /Command failed -:(\d+)/.exec(stderr)?.[1]
  return (line === undefined ? undefined : commands[Number(line) - 1]) ?? commands.join('; ')
}

/** Remembers what it was told; `answers` gives the reply to a `show` command by its words. */
export function fakeIp(
  answers: Readonly<Record<string, readonly Record<string, unknown>[]>> = {},
): Ip & { readonly commands: string[] } {
  const commands: string[] = []
  const remember = (more: readonly string[]): void => void commands.push(...more)
  return {
    commands,
    bridge: {
      batch: async (more) => remember(more.map((command) => `bridge ${command}`)),
      show: async (words) => answers[`bridge ${words.join(' ')}`] ?? [],
    },
    batch: async (more) => remember(more),
    attempt: async (more) => {
      remember(more)
      return []
    },
    show: async (words) => answers[words.join(' ')] ?? [],
  }
}
