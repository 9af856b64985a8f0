import type { PodSpec } from '#api/core/v1/pod.ts'
import type { WindowsSecurityContextOptions } from '#api/core/v1/securityContext.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { containersOf } from './host.ts'

// What containers on Windows run as.

const mostSpecKibibytes = 64
const domainLimit = 256
const longestUser = 104

const netBiosName = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const domainName = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/

export function checkWindowsOptions(options: WindowsSecurityContextOptions | undefined, report: Report): void {
  if (options === undefined) return
  const { gmsaCredentialSpecName: specName, gmsaCredentialSpec: spec, runAsUserName } = options
  if (specName !== undefined)
    report.at('gmsaCredentialSpecName').invalidBecause(specName, dnsSubdomainProblems(specName))
  if (spec === '') report.at('gmsaCredentialSpec').invalid(spec, 'gmsaCredentialSpec cannot be an empty string')
  else if (spec !== undefined && Buffer.byteLength(spec) > mostSpecKibibytes * 1024) {
    const problem = `gmsaCredentialSpec size must be under ${mostSpecKibibytes} KiB`
    report.at('gmsaCredentialSpec').invalid(spec, problem)
  }
  if (runAsUserName === undefined) return
  for (const problem of userNameProblems(runAsUserName)) report.at('runAsUserName').invalid(runAsUserName, problem)
}

/** What is wrong with `user` or `domain\user`. */
function userNameProblems(name: string): readonly string[] {
  if (name === '') return ['runAsUserName cannot be an empty string']
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(name)) return ['runAsUserName cannot contain control characters']
  const parts = name.split('\\')
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash']
  const domain = parts.length === 2 ? parts[0]! : undefined
  const user = parts.at(-1)!
  const problems: string[] = []
  if (domain !== undefined) {
    const bytes = Buffer.byteLength(domain)
    if (bytes >= domainLimit) problems.push(`runAsUserName's Domain length must be under ${domainLimit} characters`)
    if (!netBiosName.test(domain) && !domainName.test(domain)) {
      problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    }
  }
  if (user === '') problems.push("runAsUserName's User cannot be empty")
  else if (Buffer.byteLength(user) > longestUser) {
    problems.push(`runAsUserName's User length must not be longer than ${longestUser} characters`)
  }
  if (/^[. ]+$/.test(user)) problems.push("runAsUserName's User cannot contain only periods or spaces")
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    problems.push(String.raw`runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]`)
  }
  return problems
}

/** Either all containers are processes of the host, in its network, or none is. */
export function checkHostProcesses(spec: PodSpec, report: Report): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess
  let containers = 0
  let onHost = 0
  for (const [{ securityContext }, place] of containersOf(spec, report)) {
    containers++
    const own = securityContext?.windowsOptions?.hostProcess
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const problem = `pod hostProcess value must be identical if both are specified, was ${ofPod}`
      place.at('securityContext', 'windowsOptions', 'hostProcess').invalid(own, problem)
    }
    if (own ?? ofPod ?? false) onHost++
  }
  if (onHost === 0) return
  if (onHost !== containers) {
    report.invalid('', 'If pod contains any hostProcess containers then all containers must be HostProcess containers')
  }
  if (spec.hostNetwork !== true) {
    report.at('hostNetwork').invalid(false, 'hostNetwork must be true if pod contains any hostProcess containers')
  }
}
