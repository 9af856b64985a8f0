import type { Schema } from '#machinery/schema/model.ts'
import type { Report } from '#machinery/validate/report.ts'
import { explainValue, type ValueProblem } from './explain.ts'

/** Reports what is wrong with a value by its schema; `report` stands where the value does, `old` is what it replaces. */
export function reportValue(schema: Schema, value: unknown, old: unknown, report: Report): void {
  for (const problem of explainValue(schema, value, old)) reportProblem(problem, report)
}

function reportProblem({ type, path, detail, value, supported, maximum }: ValueProblem, report: Report): void {
  const place = path === undefined || path === '' ? report : report.at(path.replace(/^\./, ''))
  switch (type) {
    case 'Required':
      return place.required()
    case 'NotSupported':
      return place.notSupported(value, supported ?? [])
    case 'TooLong':
      return place.tooLong(maximum!)
    case 'TooMany':
      return place.tooMany(Number(value), maximum!)
    default:
      return place.problem(type, detail, value)
  }
}
