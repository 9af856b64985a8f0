/** Asking a container how it is, in the four ways a probe can: a command, HTTP, a TCP connection, gRPC's health service. */
import type { Container } from '#api/core/v1/container.ts'
import type { HTTPGetAction, Probe } from '#api/core/v1/probe.ts'
import type { IntOrString } from '#api/scalars.ts'
import type { Clock } from '#lib/clock.ts'
import { GrpcClient, GrpcError, loadService } from '#lib/grpc/client.ts'
import type { ProbeOutcome } from '../plan/planProbes.ts'
import type { ContainerRuntime } from '../runtime/containerRuntime.ts'
import { readProto } from '../runtime/protoText.ts'
import { httpGet, joinHostPort, NetworkError, tcpConnect, type HttpTarget } from './network.ts'

export interface ProbeTarget {
  readonly container: Container
  readonly containerId: string
  readonly podIP: string
  readonly runtime: Pick<ContainerRuntime, 'exec'>
  readonly clock: Clock
  /** Sent as the user agent, `kube-probe/1.34`. */
  readonly userAgent: string
}

const success = (output: string): ProbeOutcome => ({ result: 'success', output })
const failure = (output: string): ProbeOutcome => ({ result: 'failure', output })

/** Probes once. What the container answers is a result; rejects only when aborted. */
export async function runProbe(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
  try {
    if (probe.exec !== undefined) return await execProbe(probe.exec.command ?? [], timeoutMs, target, signal)
    if (probe.httpGet !== undefined) {
      return await httpProbe(httpTarget(probe.httpGet, target, timeoutMs), target.clock, signal)
    }
    if (probe.tcpSocket !== undefined) {
      const { host, port } = probe.tcpSocket
      const address = host === undefined || host === '' ? target.podIP : host
      await tcpConnect(address, portNumber(port, target.container), timeoutMs, target.clock, signal)
      return success('')
    }
    if (probe.grpc !== undefined) {
      return await grpcProbe(target.podIP, probe.grpc.port, probe.grpc.service ?? '', timeoutMs, signal)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof NetworkError) return failure(error.message)
    return { result: 'unknown', output: (error as Error).message }
  }
  return { result: 'unknown', output: 'missing probe handler' }
}

async function execProbe(
  command: readonly string[],
  timeoutMs: number,
  { runtime, containerId }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const answer = await runtime.exec(containerId, command, timeoutMs / 1000, signal)
  if (answer.timedOut === true) {
    return failure(`command timed out: ${JSON.stringify(command.join(' '))} timed out after ${timeoutMs / 1000}s`)
  }
  const output = (answer.stdout + answer.stderr).slice(0, longestOutput)
  return answer.exitCode === 0 ? success(output) : failure(output)
}

const longestOutput = 10 * 1024

/** Where an HTTP handler of the container asks. Throws for a port name that the container does not have. */
export function httpTarget(
  action: HTTPGetAction,
  target: Pick<ProbeTarget, 'container' | 'podIP' | 'userAgent'>,
  timeoutMs: number,
): HttpTarget {
  const { path = '/', scheme = 'HTTP', host, httpHeaders = [] } = action
  const address = joinHostPort(
    host === undefined || host === '' ? target.podIP : host,
    portNumber(action.port, target.container),
  )
  const headers: Record<string, string> = { 'User-Agent': target.userAgent, Accept: '*/*', Connection: 'close' }
  for (const { name, value } of httpHeaders) {
    const known = Object.keys(headers).find((each) => each.toLowerCase() === name.toLowerCase())
    if (known !== undefined) delete headers[known]
    // An empty value takes a default header away.
    if (value !== '' || known === undefined) headers[name] = value
  }
  return { url: `${scheme.toLowerCase()}://${address}${path.startsWith('/') ? path : `/${path}`}`, headers, timeoutMs }
}

const mostRedirects = 10

async function httpProbe(target: HttpTarget, clock: Clock, signal: AbortSignal): Promise<ProbeOutcome> {
  let at = target
  for (let redirects = 0; ; redirects++) {
    const { status, headers, body } = await httpGet(at, clock, signal)
    const location = status >= 300 && status < 400 ? headers.location : undefined
    if (location !== undefined) {
      const next = new URL(location, at.url)
      // Somebody else's answer says nothing about this container.
      if (next.hostname !== new URL(target.url).hostname) {
        return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` }
      }
      if (redirects >= mostRedirects) return failure(`Get "${next.href}": stopped after 10 redirects`)
      at = { ...target, url: next.href }
      continue
    }
    if (status >= 200 && status < 400) return success(body)
    return failure(`HTTP probe failed with statuscode: ${status}`)
  }
}

const healthProto = `
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
`
let healthService: ReturnType<typeof loadService> | undefined

async function grpcProbe(
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  healthService ??= loadService({ json: readProto(healthProto) }, 'grpc.health.v1.Health')
  const address = joinHostPort(host, port)
  const client = new GrpcClient(address, healthService)
  try {
    const { status } = await client.call<object, { status: string }>(
      'Check',
      { service },
      { timeout: timeoutMs, signal },
    )
    return status === 'SERVING' ? success('service healthy') : failure(`service unhealthy (responded with "${status}")`)
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error
    const time = `${timeoutMs / 1000}s`
    switch (error.code) {
      case 'UNIMPLEMENTED':
        return failure(
          `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.message}`,
        )
      case 'DEADLINE_EXCEEDED':
        return failure(`timeout: health rpc did not complete within ${time}`)
      case 'UNAVAILABLE':
        return failure(`timeout: failed to connect service "${address}" within ${time}: context deadline exceeded`)
      default:
        return failure(`error: health rpc probe failed: ${error.message}`)
    }
  } finally {
    client.close()
  }
}

/** A port by number or by the name that the container gives it. Throws when there is none. */
export function portNumber(port: IntOrString, container: Container): number {
  if (typeof port === 'number') return port
  const named = container.ports?.find((each) => each.name === port)
  const number = named?.containerPort ?? Number(port)
  if (!Number.isInteger(number) || number <= 0 || number > 65535) {
    throw new Error(`couldn't find port "${port}" in container "${container.name}"`)
  }
  return number
}
