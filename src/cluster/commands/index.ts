import type { Command } from '#cluster/commands/command.ts'
import { down } from '#cluster/commands/down.ts'
import { image } from '#cluster/commands/image.ts'
import { inventory } from '#cluster/commands/inventory.ts'
import { kubeconfig } from '#cluster/commands/kubeconfig.ts'
import { list } from '#cluster/commands/list.ts'
import { logs } from '#cluster/commands/logs.ts'
import { runNode } from '#cluster/commands/runNode.ts'
import { start } from '#cluster/commands/start.ts'
import { status } from '#cluster/commands/status.ts'
import { stop } from '#cluster/commands/stop.ts'
import { up } from '#cluster/commands/up.ts'

/** Every verb of `k8ts`, in the order in which `--help` shows them. */
export const commands: readonly Command[] = [
  up,
  down,
  stop,
  start,
  status,
  list,
  logs,
  image,
  kubeconfig,
  inventory,
  runNode,
]
