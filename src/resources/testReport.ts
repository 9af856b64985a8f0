import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'

/** For tests: what a check complains about, each as `field: message`. */
export function refusals(check: (report: Report) => void): string[] {
  const { report, problems } = createReport()
  check(report)
  return problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}
