import type { Surroundings } from '#cluster/commands/command.ts'
import { installingPackages, whileAlone } from '#cluster/machineLock.ts'
import type { ClusterConfig } from './config.ts'
import { installPackages } from './packages.ts'
import { describePreflight, planPreflight, readFacts, usesOf, type Preflight } from './preflight.ts'

type Look = () => Promise<Preflight>
type Here = Pick<Surroundings, 'host' | 'roots' | 'environment' | 'signal' | 'progress'>

/**
 * Makes sure that this machine can run containers: looks, installs what is missing where it can, and refuses otherwise. What
 * can be done without is said.
 */
export async function prepareMachine(
  surroundings: Here,
  config: ClusterConfig,
  look: Look = async () => {
    const { host, roots, signal } = surroundings
    return planPreflight(await readFacts(host, roots.data, config, signal), usesOf(config))
  },
): Promise<void> {
  const { progress } = surroundings
  const say = (line: string): void => progress(`    ${line}`)
  let plan = await look()
  if (isMendable(plan))
    plan = await whileAlone(surroundings, installingPackages, () => mend(surroundings, look, say), say)
  if (plan.missing.length > 0) throw new Error(describePreflight(plan))
  for (const warning of plan.warnings) say(warning)
}

/** Which packages to install: those without which nothing runs, and others unless nothing will run anyhow. */
const packagesOf = ({ missing, packages, useful }: Preflight) => ({
  needed: missing.some(({ installable }) => installable) ? packages : [],
  useful: missing.every(({ installable }) => installable) ? useful : [],
})

const isMendable = (plan: Preflight): boolean => Object.values(packagesOf(plan)).some((names) => names.length > 0)

/** Installs what a look says; returns what it says afterwards. */
async function mend(surroundings: Here, look: Look, say: (line: string) => void): Promise<Preflight> {
  // Another command may have installed it while this one waited.
  const plan = await look()
  if (!isMendable(plan)) return plan
  const { needed, useful } = packagesOf(plan)
  try {
    await installPackages(surroundings, [...needed, ...useful], say, surroundings.signal)
  } catch (error) {
    if (surroundings.signal.aborted || useful.length === 0) throw error
    say((error as Error).message)
    await installPackages(surroundings, needed, say, surroundings.signal)
  }
  return await look()
}
