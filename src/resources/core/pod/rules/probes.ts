import type { Container } from '#api/core/v1/container.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import type { HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from '#api/core/v1/probe.ts'
import type { IntOrString } from '#api/scalars.ts'
import { headerNameProblems, portNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkAtLeast } from '#resources/rules.ts'

/** The rules of a container's three probes. */
export function checkProbes(container: Container, _spec: PodSpec, report: Report): void {
  checkProbe(container.livenessProbe, report.at('livenessProbe'), { onceIsEnough: true })
  checkProbe(container.readinessProbe, report.at('readinessProbe'), { noGracePeriod: true })
  checkProbe(container.startupProbe, report.at('startupProbe'), { onceIsEnough: true })
}

interface ProbeOptions {
  /** A container that was found alive once is alive. */
  readonly onceIsEnough?: boolean
  /** Nothing is killed, so there is no time to grant. */
  readonly noGracePeriod?: boolean
}

function checkProbe(probe: Probe | undefined, report: Report, options: ProbeOptions): void {
  if (probe === undefined) return
  checkHandler(probe, report)
  checkAtLeast(report.at('initialDelaySeconds'), 0, probe.initialDelaySeconds)
  checkAtLeast(report.at('timeoutSeconds'), 0, probe.timeoutSeconds)
  checkAtLeast(report.at('periodSeconds'), 0, probe.periodSeconds)
  checkAtLeast(report.at('successThreshold'), 0, probe.successThreshold)
  checkAtLeast(report.at('failureThreshold'), 0, probe.failureThreshold)
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && options.noGracePeriod === true) {
    report.at('terminationGracePeriodSeconds').invalid(grace, 'must not be set for readinessProbes')
  } else if (grace !== undefined && grace <= 0) {
    report.at('terminationGracePeriodSeconds').invalid(grace, 'must be greater than 0')
  }
  if (options.onceIsEnough === true && probe.successThreshold !== 1) {
    report.at('successThreshold').invalid(probe.successThreshold, 'must be 1')
  }
}

/** The rules of what runs after a container started and before it is stopped. */
export function checkLifecycle(lifecycle: Lifecycle | undefined, spec: PodSpec, report: Report): void {
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = lifecycle?.[hook]
    if (handler === undefined) continue
    checkHandler(handler, report.at(hook))
    const seconds = handler.sleep?.seconds
    const longest = spec.terminationGracePeriodSeconds ?? 30
    if (seconds !== undefined && (seconds < 0 || seconds > longest)) {
      const problem = `must be greater than 0 and less than terminationGracePeriodSeconds (${longest}). Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero value.`
      report.at(hook, 'sleep', 'seconds').invalid(seconds, problem)
    }
  }
}

function checkHandler(handler: LifecycleHandler & Probe, report: Report): void {
  let given = 0
  const isFirst = (name: string): boolean => {
    given++
    if (given > 1) report.at(name).forbidden('may not specify more than 1 handler type')
    return given === 1
  }
  if (handler.exec !== undefined && isFirst('exec') && (handler.exec.command ?? []).length === 0) {
    report.at('exec', 'command').required()
  }
  if (handler.httpGet !== undefined && isFirst('httpGet')) checkHttpGet(handler.httpGet, report.at('httpGet'))
  if (handler.tcpSocket !== undefined && isFirst('tcpSocket'))
    checkPort(handler.tcpSocket.port, report.at('tcpSocket', 'port'))
  if (handler.grpc !== undefined && isFirst('grpc')) checkPort(handler.grpc.port, report.at('grpc', 'port'))
  if (handler.sleep !== undefined) isFirst('sleep')
  if (given === 0) report.required('must specify a handler type')
}

function checkHttpGet(action: HTTPGetAction, report: Report): void {
  if ((action.path ?? '') === '') report.at('path').required()
  checkPort(action.port, report.at('port'))
  const scheme = action.scheme as string | undefined
  if (scheme !== 'HTTP' && scheme !== 'HTTPS') report.at('scheme').notSupported(scheme ?? '', ['HTTP', 'HTTPS'])
  for (const { name } of action.httpHeaders ?? []) {
    report.at('httpHeaders').invalidBecause(name, headerNameProblems(name))
  }
}

/** The number of a port, or the name of one of the container's. */
function checkPort(port: IntOrString, report: Report): void {
  if (typeof port === 'string') report.invalidBecause(port, portNameProblems(port))
  else if (port < 1 || port > 65535) report.invalid(port, 'must be between 1 and 65535, inclusive')
}
