import type { PolicyCompiler } from '#machinery/cel/admissionEnvironment.ts'
import type { Type } from '#lib/cel/types.ts'
import type { Report } from '#machinery/validate/report.ts'

/** Reports why an expression does not compile; `results` are the types of which its value may be. */
export function checkExpression(
  compiler: PolicyCompiler,
  text: string,
  results: readonly Type[],
  report: Report,
): void {
  const { problem } = compiler.compile(text, ...results)
  if (problem !== undefined) report.invalid(text, problem)
}
