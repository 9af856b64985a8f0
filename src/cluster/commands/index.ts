import type { Command } from './command.ts'
import { down } from './down.ts'
import { holdHostPorts } from './holdHostPorts.ts'
import { image } from './image.ts'
import { inventory } from './inventory.ts'
import { kubeconfig } from './kubeconfig.ts'
import { list } from './list.ts'
import { logs } from './logs.ts'
import { node } from './node.ts'
import { runNode } from './runNode.ts'
import { server } from './server.ts'
import { start } from './start.ts'
import { status } from './status.ts'
import { stop } from './stop.ts'
import { up } from './up.ts'
import { why } from './why.ts'

/** Every verb of `k8ts`, in the order in which `--help` shows them. */
export const commands: readonly Command[] = [
  up,
  down,
  stop,
  start,
  status,
  list,
  logs,
  node,
  image,
  kubeconfig,
  inventory,
  why,
  server,
  runNode,
  holdHostPorts,
]
