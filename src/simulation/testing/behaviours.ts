import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { jobs } from '#api/batch/v1/job.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Informers } from '#client/informers.ts'
import { controllerOf } from '#machinery/owners.ts'
import { behaviourFrom, type ContainerBehaviour, type DeclaredBehaviour } from '../behaviour.ts'

/**
 * What the containers of a pod do. Times are text such as `500ms`, `2s` or `1m30s`. Each is an annotation of pods too:
 * `exitAfter` is `simulation.k8ts.dev/exit-after`. What is told here goes before annotations.
 */
export interface Behaviour {
  /** How long a container takes to start, as if its image were being pulled. */
  readonly startAfter?: string
  /** How long it runs before it is ready. */
  readonly readyAfter?: string
  /** How long it runs before it is not ready any more. */
  readonly unreadyAfter?: string
  /** How long it runs before its liveness probe fails, if it has one. */
  readonly hangAfter?: string
  /** How long it runs before it ends by itself. */
  readonly exitAfter?: string
  /** The code with which it ends by itself; 0 unless told. */
  readonly exitCode?: number
  /** How many of its runs end by themselves; all unless told. */
  readonly exitRuns?: number
  /** Ends at once with code 1: `always`, or so many times before it runs well. */
  readonly crash?: number | 'always'
  /** How its runs end, in turn: `exit 1 after 5s, exit 0 after 1m, stay`. */
  readonly runs?: string
  /** How long it takes to end when asked to. */
  readonly stopAfter?: string
  /** How often its image cannot be pulled: `always`, or so many times before it can. */
  readonly pullFailures?: number | 'always'
  /** How much cpu it uses: `250m`, `0s=100m, 5m=900m` since its start, or `100m..900m every 24h`. */
  readonly cpu?: string
  /** How much cpu it uses beside for each request a second of the `simulation.k8ts.dev/traffic` of its service. */
  readonly cpuPerRequest?: string
  /** How much memory it uses, written as `cpu` is. */
  readonly memory?: string
  /** Further behaviours, by the names of their annotations in camel case. */
  readonly [further: string]: string | number | undefined
}

/** A run of a container of which a behaviour is asked. */
export interface Run {
  readonly container: string
  /** How often the container had been started before; 0 for its first run. */
  readonly attempt: number
}

/**
 * A behaviour of all containers that run on, or a function that is asked at every look at a run of any container: for the
 * same run it must give the same answer.
 */
export type BehaviourOf = Behaviour | ((pod: Pod, run: Run) => Behaviour | undefined)

/**
 * Behaviours by the name of the workload that the pod belongs to (`web`, or `shop/web` in one namespace alone), such as
 * its Deployment, StatefulSet or CronJob; by the name of the pod where it belongs to none; `*` for all others.
 */
export type Behaviours = Readonly<Record<string, BehaviourOf>>

/** Makes behaviours out of those that a test declares; throws for one that cannot be read. */
export function declaredBehaviours(behaviours: Behaviours): (informers: Informers) => DeclaredBehaviour {
  const fixed = new Map<string, Partial<ContainerBehaviour>>()
  for (const [name, behaviour] of Object.entries(behaviours)) {
    if (typeof behaviour !== 'function') fixed.set(name, readFor(name, behaviour))
  }
  return (informers) => {
    const [setCopies, jobCopies] = [informers.of(replicaSets), informers.of(jobs)]
    const ownerIn = (pod: Pod): string => {
      const key = (name: string): string => `${pod.metadata.namespace}/${name}`
      const owner = controllerOf(pod)
      if (owner === undefined) return pod.metadata.name
      const between: KubeObject | undefined =
        owner.kind === 'ReplicaSet'
          ? setCopies.get(key(owner.name))
          : owner.kind === 'Job'
            ? jobCopies.get(key(owner.name))
            : undefined
      return (between === undefined ? undefined : controllerOf(between)?.name) ?? owner.name
    }
    return (pod, container, attempt) => {
      const workload = ownerIn(pod)
      const names = [`${pod.metadata.namespace}/${workload}`, workload, '*']
      const name = names.find((each) => Object.hasOwn(behaviours, each))
      if (name === undefined) return undefined
      const behaviour = behaviours[name]!
      if (typeof behaviour === 'function') {
        const told = behaviour(pod, { container, attempt })
        return told === undefined ? undefined : readFor(name, told)
      }
      // Init containers do their work and end, unless a function says otherwise.
      const isInit = (pod.spec.initContainers ?? []).some(
        (each) => each.name === container && each.restartPolicy !== 'Always',
      )
      return isInit ? undefined : fixed.get(name)
    }
  }
}

function readFor(name: string, behaviour: Behaviour): Partial<ContainerBehaviour> {
  try {
    return behaviourFrom(behaviour)
  } catch (error) {
    throw new Error(`Invalid behaviour of "${name}": ${(error as Error).message}`, { cause: error })
  }
}
