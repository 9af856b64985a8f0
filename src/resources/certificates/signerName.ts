import { dnsLabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import { quoteString, type Report } from '#machinery/validate/report.ts'

const longestDomain = 253
/** Room for a domain, a slash, a namespace, a dot and the name of an object in it. */
const longestName = longestDomain + 1 + 63 + 1 + 253

/** The name of a signer: `example.com/signer-name`. */
export function checkSignerName(name: string, report: Report): void {
  if (name === '') {
    report.required()
    return
  }
  const [domain = '', path = '', ...more] = name.split('/')
  if (!name.includes('/') || more.length > 0) {
    report.invalid(name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
    return
  }
  if (domain.length > longestDomain) report.tooLong(longestDomain)
  checkParts(domain, dnsLabelProblems, report)
  if (!domain.includes('.')) {
    report.invalid(domain, 'should be a domain with at least two segments separated by dots')
  }
  checkParts(path, dnsSubdomainProblems, report)
  if (name.length > longestName) report.tooLong(longestName)
}

/** What is wrong with the first part between dots that is not right. */
function checkParts(text: string, problemsOf: (part: string) => string[], report: Report): void {
  const wrong = text.split('.').find((part) => problemsOf(part).length > 0)
  if (wrong === undefined) return
  for (const problem of problemsOf(wrong)) report.invalid(text, `validating label ${quoteString(wrong)}: ${problem}`)
}
