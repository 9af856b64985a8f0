import { seededRandom } from '#lib/random.ts'
import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'
import type { ServingContext } from '#server/strategy.ts'

/** For tests: what a check complains about, each as `field: message`. */
export function refusals(check: (report: Report) => void): string[] {
  const { report, problems } = createReport()
  check(report)
  return problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}

/** For tests: what rules may ask of their surroundings. */
export const servingContext: ServingContext = {
  caller: { name: 'jane', uid: 'u', groups: ['g'] },
  now: 0,
  random: seededRandom(1),
  dryRun: false,
}
