/** What a benchmark found out, and how the figures of all of them are shown. */

/** One figure. */
export interface Measurement {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** The bound that the project has set itself, in the unit; absent for figures that only explain others. */
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number }
  /** The same figure of somebody else: measured in the same run, or on this class of machine before. */
  readonly beside?: { readonly name: string; readonly value: number }
}

/** Whether a figure keeps its bound; undefined when it has none. */
export function keepsGoal({ value, goal }: Measurement): boolean | undefined {
  if (goal === undefined) return undefined
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost
}

/** The figures as lines of a table: name, figure, goal, what it is beside, and how many times that it is. */
export function renderMeasurements(measurements: readonly Measurement[]): readonly string[] {
  const rows = [
    ['', 'figure', 'goal', '', 'beside', 'ratio'],
    ...measurements.map((measurement) => {
      const { name, value, unit, goal, beside } = measurement
      const kept = keepsGoal(measurement)
      return [
        name,
        `${formatNumber(value)} ${unit}`,
        goal === undefined
          ? ''
          : 'atLeast' in goal
            ? `≥ ${formatNumber(goal.atLeast)}`
            : `≤ ${formatNumber(goal.atMost)}`,
        kept === undefined ? '' : kept ? 'kept' : 'MISSED',
        beside === undefined ? '' : `${beside.name}: ${formatNumber(beside.value)}`,
        beside === undefined ? '' : (value / beside.value).toFixed(2),
      ]
    }),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
}

/** Which columns are flush right. */
const isNumeric = [false, true, true, false, false, true]

/** Three digits, or all of the whole part. */
function formatNumber(value: number): string {
  const size = Math.abs(value)
  return value.toLocaleString('en', { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 })
}

/** The value below which `part` (0 to 1) of all lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
