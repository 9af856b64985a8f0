import { dnsSubdomainProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'

/** The most that the keys and values of parameters may take together: 256 KiB. */
const mostParameterBytes = 256 * 1024

const mostParameters = 512

const encoder = new TextEncoder()

/** The name of a program that makes volumes: a qualified name, in capitals or not. */
export function checkProvisioner(name: string, report: Report): void {
  if (name === '') report.required()
  else report.invalidBecause(name.toLowerCase(), qualifiedNameProblems(name.toLowerCase()))
}

/** What a driver is told, by names of its own. */
export function checkParameters(parameters: Readonly<Record<string, string>>, report: Report): void {
  const entries = Object.entries(parameters)
  if (entries.length > mostParameters) {
    report.tooLong(mostParameters)
    return
  }
  let size = 0
  for (const [key, value] of entries) {
    if (key === '') report.invalid(key, 'field can not be empty.')
    size += encoder.encode(key).length + encoder.encode(value).length
  }
  if (size > mostParameterBytes) report.tooLong(mostParameterBytes)
}

/** The name of a CSI driver: a subdomain of at most 63 characters, in capitals or not. */
export function checkDriverName(name: string, report: Report): void {
  if (name === '') report.required()
  if (name.length > 63) report.tooLong(63)
  report.invalidBecause(name, dnsSubdomainProblems(name.toLowerCase()))
}
