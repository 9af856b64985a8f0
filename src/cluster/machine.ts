import type { Surroundings } from '#cluster/commands/command.ts'
import type { ClusterConfig } from './config.ts'
import { describePreflight, installMissing, planPreflight, readFacts } from './preflight.ts'

/** Makes sure that this machine can run containers: looks, installs what is missing where it can, and refuses otherwise. */
export async function prepareMachine(surroundings: Surroundings, config: ClusterConfig): Promise<void> {
  const { host, roots, signal, progress } = surroundings
  const look = async (): Promise<ReturnType<typeof planPreflight>> =>
    planPreflight(await readFacts(host, roots.data, config, signal))
  let plan = await look()
  if (plan.missing.length === 0) return
  if (plan.missing.some(({ installable }) => installable)) {
    await installMissing(host, plan.packages, (line) => progress(`    ${line}`), signal)
    plan = await look()
  }
  if (plan.missing.length > 0) throw new Error(describePreflight(plan))
}
