import { priorityClasses, type PriorityClass } from '#api/scheduling/v1/priorityClass.ts'
import { systemPriorityClasses } from '#machinery/priorityClasses.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkImmutable, checkOneOf } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'

const reservedPrefix = 'system-'
const highestOfUsers = 1_000_000_000

/** Priority classes: names for how important pods are. */
export const priorityClassStrategy: Strategy<PriorityClass> = {
  resource: priorityClasses,
  unconditionalUpdate: true,
  generation: 'fixed',
  columns: [
    nameColumn,
    {
      name: 'Value',
      type: 'integer',
      description: 'Priority of the pods of the class.',
      value: ({ value }) => value,
    },
    {
      name: 'Global-Default',
      type: 'boolean',
      description: 'Whether pods without a class belong to this one.',
      value: ({ globalDefault }) => globalDefault ?? false,
    },
    ageColumn,
    {
      name: 'PreemptionPolicy',
      description: 'Whether pods of the class may push others from a node.',
      value: ({ preemptionPolicy }) => preemptionPolicy ?? '',
    },
  ],
  validate(priorityClass, old, report) {
    if (old === undefined) return checkNew(priorityClass, report)
    const { value, preemptionPolicy } = priorityClass
    if (value !== old.value) report.at('value').forbidden('may not be changed in an update.')
    checkImmutable(report.at('preemptionPolicy'), preemptionPolicy, old.preemptionPolicy)
  },
}

function checkNew(priorityClass: PriorityClass, report: Report): void {
  const { metadata, value, preemptionPolicy } = priorityClass
  if (metadata.name.startsWith(reservedPrefix)) {
    const problem = systemClassProblem(priorityClass)
    if (problem !== undefined) {
      report
        .at('metadata', 'name')
        .forbidden(
          `priority class names with '${reservedPrefix}' prefix are reserved for system use only. error: ${problem}`,
        )
    }
  } else if (value > highestOfUsers) {
    report.at('value').forbidden(`maximum allowed value of a user defined priority is ${highestOfUsers}`)
  }
  checkOneOf(report.at('preemptionPolicy'), ['PreemptLowerPriority', 'Never'], preemptionPolicy)
}

function systemClassProblem({ metadata: { name }, value, globalDefault = false }: PriorityClass): string | undefined {
  if (!Object.hasOwn(systemPriorityClasses, name)) return `${name} is not a known system priority class`
  const known = systemPriorityClasses[name]!
  if (value !== known.value) return `value of ${name} PriorityClass must be ${known.value}`
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined
}
