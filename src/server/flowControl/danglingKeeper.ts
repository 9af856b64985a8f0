import { flowSchemas, type FlowSchema, type FlowSchemaCondition } from '#api/flowcontrol/v1/flowSchema.ts'
import { apiVersionOf } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import { isReason } from '#machinery/status.ts'
import { timeText } from '#machinery/time.ts'
import type { InProcessTransport } from '../inProcess.ts'
import type { FlowControl } from './flowControl.ts'

/** As whom the conditions belong. */
const manager = 'api-priority-and-fairness-config-consumer-v1'
const triesAgainAfter = 1_000

/** Whether a flow schema names a level that is not there, as a condition; undefined when it says so already. */
export function planDangling({ spec, status }: FlowSchema, hasLevel: boolean): FlowSchemaCondition | undefined {
  const level = JSON.stringify(spec.priorityLevelConfiguration.name)
  const planned: FlowSchemaCondition = {
    type: 'Dangling',
    status: hasLevel ? 'False' : 'True',
    reason: hasLevel ? 'Found' : 'NotFound',
    message: `This FlowSchema references the PriorityLevelConfiguration object named ${level} ${
      hasLevel ? 'and it exists' : 'but there is no such object'
    }`,
  }
  const known = status?.conditions?.find(({ type }) => type === planned.type)
  const isSaid = (['status', 'reason', 'message'] as const).every((part) => known?.[part] === planned[part])
  return isSaid ? undefined : planned
}

interface Surroundings {
  readonly flowControl: FlowControl
  readonly clock: Clock
  /** As the server itself. */
  readonly transport: () => InProcessTransport
  readonly onBug: (error: unknown, what: string) => void
}

/** Tells in the status of each flow schema whether its level is there. */
export class DanglingKeeper {
  readonly #around: Surroundings
  #isRunning = false
  #isAsked = false

  constructor(around: Surroundings) {
    this.#around = around
  }

  /** Looks now, and at each change. */
  start(signal: AbortSignal): void {
    const look = (): void => {
      this.#isAsked = true
      if (!this.#isRunning && !signal.aborted) void this.#run(signal)
    }
    this.#around.flowControl.table.observe(look)
    look()
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#isRunning = true
    while (this.#isAsked && !signal.aborted) {
      this.#isAsked = false
      // Others take in the change that was seen first.
      await Promise.resolve()
      try {
        for (const schema of this.#around.flowControl.table.schemas()) await this.#tell(schema, signal)
      } catch (error) {
        if (signal.aborted) break
        this.#around.onBug(error, 'the conditions of flow schemas')
        this.#isAsked = true
        await this.#around.clock.sleep(triesAgainAfter, signal).catch(() => {})
      }
    }
    this.#isRunning = false
  }

  async #tell(schema: FlowSchema, signal: AbortSignal): Promise<void> {
    const { flowControl, clock, transport } = this.#around
    const planned = planDangling(schema, flowControl.table.hasLevel(schema.spec.priorityLevelConfiguration.name))
    if (planned === undefined) return
    const { apiVersion, kind, metadata } = schema
    const condition = { ...planned, lastTransitionTime: timeText(clock.now()) }
    const sent = transport().send(
      {
        method: 'PATCH',
        path: `/apis/${apiVersionOf(flowSchemas)}/${flowSchemas.plural}/${metadata.name}/status`,
        query: { fieldManager: manager, force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: {
          apiVersion,
          kind,
          metadata: { name: metadata.name },
          status: { conditions: [condition] },
        },
      },
      signal,
    )
    await sent.catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error
    })
  }
}
