// How the kubelet checks containers and which hooks it runs.
import type { IntOrString, int32, int64 } from '#api/scalars.ts'
import type { Signal } from './signal.ts'

/** A check that the kubelet repeats while a container runs; exactly one of the four actions is set. */
export interface Probe {
  /** Runs a command in the container; success is exit code 0. */
  exec?: ExecAction
  /** Asks over HTTP; success is a status from 200 to 399. */
  httpGet?: HTTPGetAction
  /** Opens a connection; success is that it opens. */
  tcpSocket?: TCPSocketAction
  /** Asks the standard health service over gRPC. */
  grpc?: GRPCAction
  /** Seconds between the start of the container and the first check. @minimum 0 */
  initialDelaySeconds?: int32
  /** Seconds after which a check counts as failed; at least 1. @default 1 @minimum 0 */
  timeoutSeconds?: int32
  /** Seconds between checks; at least 1. @default 10 @minimum 0 */
  periodSeconds?: int32
  /** Successes in a row that turn a failed probe; 1 for liveness and start-up. @default 1 @minimum 0 */
  successThreshold?: int32
  /** Failures in a row that turn a passing probe; at least 1. @default 3 @minimum 0 */
  failureThreshold?: int32
  /** Overrides the pod's grace period when this probe stops the container; not for readiness. */
  terminationGracePeriodSeconds?: int64
}

/** Hooks around the life of a container. */
export interface Lifecycle {
  /** Runs right after the start; when it fails the container is stopped. */
  postStart?: LifecycleHandler
  /** Runs before the stop signal; its time counts against the grace period. */
  preStop?: LifecycleHandler
  /** The signal that stops the container; that of the image when absent. Needs the pod's `os`. */
  stopSignal?: Signal
}

/** What a hook does; exactly one member is set. */
export interface LifecycleHandler {
  /** Runs a command in the container. */
  exec?: ExecAction
  /** Makes an HTTP request. */
  httpGet?: HTTPGetAction
  /** Not supported; kept so that old objects stay valid. */
  tcpSocket?: TCPSocketAction
  /** Waits. */
  sleep?: SleepAction
}

/** A command that runs in a container. */
export interface ExecAction {
  /** The program and its arguments; no shell is involved. */
  command?: string[]
}

/** An HTTP request. */
export interface HTTPGetAction {
  /** The path to ask for. @default / */
  path?: string
  /** The port by number, or by name as in the container's ports. */
  port: IntOrString
  /** The host to connect to; the pod's address when absent. */
  host?: string
  /** Whether to use TLS; certificates are not checked. @default HTTP */
  scheme?: URIScheme
  /** Further headers; names may repeat. */
  httpHeaders?: HTTPHeader[]
}

/** One header of a request. */
export interface HTTPHeader {
  /** Its name, in any case. */
  name: string
  /** Its value. */
  value: string
}

/** A TCP connection. */
export interface TCPSocketAction {
  /** The port by number, or by name as in the container's ports. */
  port: IntOrString
  /** The host to connect to; the pod's address when absent. */
  host?: string
}

/** A question to the health service of gRPC. */
export interface GRPCAction {
  /** The port by number. @minimum 1 @maximum 65535 */
  port: int32
  /** The service to ask about; empty asks about the server as a whole. @default "" */
  service?: string
}

/** A pause. */
export interface SleepAction {
  /** How long to wait. */
  seconds: int64
}

/** Plain or encrypted. */
export type URIScheme = 'HTTP' | 'HTTPS'
