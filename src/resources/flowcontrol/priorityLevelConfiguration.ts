import {
  priorityLevelConfigurations,
  type LimitedPriorityLevelConfiguration,
  type LimitResponse,
  type PriorityLevelConfiguration,
  type PriorityLevelConfigurationSpec,
  type QueuingConfiguration,
} from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import { statusAlone } from '#resources/status.ts'
import type { Column, Strategy } from '#server/strategy.ts'
import { checkConditionTypes } from './conditionTypes.ts'
import { mandatoryPriorityLevels } from '#machinery/mandatoryFlowControl.ts'

/** Said in an older version that no shares are wanted; this one says it in the field. */
const zeroShares = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares'

/** Priority levels: how many requests run at the same time. */
export const priorityLevelConfigurationStrategy: Strategy<PriorityLevelConfiguration> = {
  resource: priorityLevelConfigurations,
  reserved: ['status'],
  columns: [
    nameColumn,
    { name: 'Type', description: 'Whether requests are limited.', value: ({ spec }) => spec.type },
    {
      name: 'NominalConcurrencyShares',
      description: 'The share of the level.',
      value: ({ spec }) => spec.limited?.nominalConcurrencyShares ?? spec.exempt?.nominalConcurrencyShares ?? '<none>',
    },
    queuingColumn('Queues', 'queues', 'How many queues there are.'),
    queuingColumn('HandSize', 'handSize', 'Among how many queues a flow chooses.'),
    queuingColumn('QueueLengthLimit', 'queueLengthLimit', 'How many requests wait in a queue.'),
    ageColumn,
  ],
  subresources: {
    status: {
      ...statusAlone,
      validate: ({ status }, _old, report) =>
        checkConditionTypes(status?.conditions, '', report.at('status', 'conditions')),
    },
  },
  validate({ metadata: { name, annotations }, spec }, _old, report) {
    if (annotations?.[zeroShares] !== undefined) {
      report.at('metadata', 'annotations').forbidden(`annotation '${zeroShares}' is forbidden`)
    }
    const place = report.at('spec')
    checkSpec(name, spec, place)
    const fixed = Object.hasOwn(mandatoryPriorityLevels, name) ? mandatoryPriorityLevels[name] : undefined
    if (fixed === undefined) return
    const { exempt, ...own } = spec
    const isExempt = name === 'exempt'
    const wanted = isExempt && exempt !== undefined ? { ...fixed, exempt } : fixed
    if (sameJson(exempt === undefined ? own : spec, exempt === undefined ? withoutExempt(wanted) : wanted)) return
    const part = isExempt ? " except the 'spec.exempt' field" : ''
    const shown = goForm('io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationSpec', spec)
    place.invalid(shown, `spec of '${name}'${part} must equal the fixed value`)
  },
}

function withoutExempt({ exempt: _, ...rest }: PriorityLevelConfigurationSpec): PriorityLevelConfigurationSpec {
  return rest
}

function queuingColumn(
  name: string,
  member: keyof QueuingConfiguration,
  description: string,
): Column<PriorityLevelConfiguration> {
  return { name, description, value: ({ spec }) => spec.limited?.limitResponse?.queuing?.[member] ?? '<none>' }
}

function checkSpec(name: string, spec: PriorityLevelConfigurationSpec, report: Report): void {
  const { type, limited, exempt } = spec
  if ((name === 'exempt') !== (type === 'Exempt')) {
    report.at('type').invalid(type, "must be 'Exempt' if and only if `name` is 'exempt'")
  }
  switch (type) {
    case 'Exempt':
      if (limited !== undefined) report.at('limited').forbidden('must be nil if the type is not Limited')
      if (exempt !== undefined) checkShares(exempt, report.at('exempt'))
      break
    case 'Limited':
      if (exempt !== undefined) report.at('exempt').forbidden('must be nil if the type is Limited')
      if (limited === undefined) report.at('limited').required('must not be empty when type is Limited')
      else checkLimited(limited, report.at('limited'))
      break
    default:
      report.at('type').notSupported(type, ['Exempt', 'Limited'])
  }
}

function checkShares(
  { nominalConcurrencyShares: shares = 0, lendablePercent = 0 }: NonNullable<PriorityLevelConfigurationSpec['exempt']>,
  report: Report,
): void {
  if (shares < 0) report.at('nominalConcurrencyShares').invalid(shares, 'must be a non-negative integer')
  if (lendablePercent < 0 || lendablePercent > 100) {
    report.at('lendablePercent').invalid(lendablePercent, 'must be between 0 and 100, inclusive')
  }
}

function checkLimited(limited: LimitedPriorityLevelConfiguration, report: Report): void {
  const { nominalConcurrencyShares: shares = 0, lendablePercent = 0, borrowingLimitPercent: borrowed } = limited
  if (shares < 0) report.at('nominalConcurrencyShares').invalid(shares, 'must be a non-negative integer')
  checkLimitResponse(limited.limitResponse, report.at('limitResponse'))
  if (lendablePercent < 0 || lendablePercent > 100) {
    report.at('lendablePercent').invalid(lendablePercent, 'must be between 0 and 100, inclusive')
  }
  if (borrowed !== undefined && borrowed < 0) {
    report.at('borrowingLimitPercent').invalid(borrowed, 'if specified, must be a non-negative integer')
  }
}

function checkLimitResponse(response: LimitResponse | undefined, report: Report): void {
  const queuing = response?.queuing
  switch (response?.type) {
    case 'Reject':
      if (queuing !== undefined) {
        report.at('queuing').forbidden('must be nil if limited.limitResponse.type is not Limited')
      }
      break
    case 'Queue':
      if (queuing === undefined) {
        report.at('queuing').required('must not be empty if limited.limitResponse.type is Limited')
      } else checkQueuing(queuing, report.at('queuing'))
      break
    default:
      report.at('type').notSupported(response?.type ?? '', ['Queue', 'Reject'])
  }
}

const mostQueues = 10_000_000
/** A flow is dealt its hand of queues from a hash with this many bits that can be used. */
const hashBits = 60

function checkQueuing({ queues = 0, handSize = 0, queueLengthLimit = 0 }: QueuingConfiguration, report: Report): void {
  if (queueLengthLimit <= 0) report.at('queueLengthLimit').invalid(queueLengthLimit, 'must be positive')
  if (queues <= 0) report.at('queues').invalid(queues, 'must be positive')
  else if (queues > mostQueues) report.at('queues').invalid(queues, `must not be greater than ${mostQueues}`)
  const hand = report.at('handSize')
  if (handSize <= 0) hand.invalid(handSize, 'must be positive')
  else if (handSize > queues) hand.invalid(handSize, `should not be greater than queues (${queues})`)
  else if (Math.ceil(Math.log2(queues) * handSize) > hashBits) {
    hand.invalid(
      handSize,
      `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${hashBits}`,
    )
  }
}
