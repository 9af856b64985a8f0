import { untilAborted } from '#lib/async/abort.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import { runComponents, type Component } from '#lib/component.ts'
import { systemRandom, type Random } from '#lib/random.ts'
import type { Client } from './client.ts'
import { runController, type Controller } from './controller.ts'
import { eventWriter, type EventRecorder } from './events.ts'
import { sharedInformers, type Informers } from './informers.ts'
import { runAsLeader, type LeaderElectionOptions, type Leadership } from './leaderElection.ts'
import { webhookServer, type WebhookServerOptions } from './webhooks.ts'

/** What the loops and webhooks of an operator are made from. */
export interface OperatorContext {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  /** Copies of what is asked for while loops and webhooks are made; kept also by instances that do not lead. */
  readonly informers: Informers
  /** Writes events in the operator's name. */
  readonly events: EventRecorder
  /** The present term, for loops: they run in no other. */
  leadership(): Leadership
}

export interface Operator {
  /** Names its lease, the source of its events and what it reports. */
  readonly name: string
  /** The loops; they run in the instance that leads. */
  controllers(context: OperatorContext): readonly Controller[]
  /** The webhooks; every instance serves them. */
  webhooks?(context: OperatorContext): Omit<WebhookServerOptions, 'report'>
}

export interface RunOperatorOptions {
  readonly client: Client
  readonly clock?: Clock
  readonly random?: Random
  /** Where the lease is and among whom this instance is one; the identity must be unique, also among the past ones. */
  readonly election: Pick<
    LeaderElectionOptions,
    'namespace' | 'identity' | 'leaseMilliseconds' | 'renewMilliseconds' | 'retryMilliseconds' | 'onLeader'
  >
  /** Told of what went wrong and is tried again. */
  readonly report?: (problem: string, error: unknown) => void
}

/**
 * Runs one instance of an operator until the signal aborts, and then gives the lease back. Instances run side by side:
 * all follow the cluster and serve webhooks, one has its loops run. Rejects when the lease was lost: begin anew, as a new process.
 */
export async function runOperator(operator: Operator, options: RunOperatorOptions, signal: AbortSignal): Promise<void> {
  const { client, clock = systemClock, random = systemRandom, election, report } = options
  const shared = { client, clock, random, ...(report === undefined ? {} : { report }) }
  const informers = sharedInformers(shared)
  const events = eventWriter(shared)
  let leadership: Leadership | undefined
  const context: OperatorContext = {
    client,
    clock,
    random,
    informers,
    events: events.recorder(operator.name),
    leadership() {
      if (leadership === undefined) throw new Error(`${election.identity} does not lead`)
      return leadership
    },
  }
  const controllers = operator.controllers(context)
  const webhooks = operator.webhooks?.(context)
  const loops = async (ready: () => void, until: AbortSignal): Promise<void> => {
    ready()
    const lead = async (leading: AbortSignal, won: Leadership): Promise<void> => {
      // Nothing is decided from copies older than what the last leader acted on.
      await informers.caughtUp(leading)
      leadership = won
      await Promise.all(controllers.map((each) => runController(each, shared, leading)))
    }
    await runAsLeader({ ...shared, ...election, name: operator.name }, lead, until)
  }
  const components: readonly Component[] = [
    background('informers', informers.run),
    background('events', events.run),
    // They wait for nothing: the server may need a conversion to answer what the copies are made from.
    ...(webhooks === undefined ? [] : [webhookServer({ ...webhooks, ...(report === undefined ? {} : { report }) })]),
    // An instance that cannot read is no candidate.
    { name: 'copies', needs: ['informers'], run: whenSynced(informers) },
    { name: 'loops', needs: ['copies', 'events'], run: loops },
  ]
  await runComponents(components, signal)
}

function background(name: string, run: (signal: AbortSignal) => Promise<void>): Component {
  return {
    name,
    run: (ready, signal) => {
      ready()
      return run(signal)
    },
  }
}

/** Is ready once there is a copy of everything asked for. */
function whenSynced(informers: Informers): Component['run'] {
  return async (ready, signal) => {
    await informers.synced(signal)
    ready()
    await untilAborted(signal)
  }
}
