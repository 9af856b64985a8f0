import type { IntOrString, int32, int64 } from '#api/scalars.ts'
import type { Signal } from './signal.ts'

export interface Probe {
  exec?: ExecAction
  httpGet?: HTTPGetAction
  tcpSocket?: TCPSocketAction
  grpc?: GRPCAction
  /** @minimum 0 */
  initialDelaySeconds?: int32
  /** @default 1 @minimum 0 */
  timeoutSeconds?: int32
  /** @default 10 @minimum 0 */
  periodSeconds?: int32
  /** @default 1 @minimum 0 */
  successThreshold?: int32
  /** @default 3 @minimum 0 */
  failureThreshold?: int32
  terminationGracePeriodSeconds?: int64
}

export interface Lifecycle {
  postStart?: LifecycleHandler
  preStop?: LifecycleHandler
  stopSignal?: Signal
}

export interface LifecycleHandler {
  exec?: ExecAction
  httpGet?: HTTPGetAction
  tcpSocket?: TCPSocketAction
  sleep?: SleepAction
}

export interface ExecAction {
  command?: string[]
}

export interface HTTPGetAction {
  /** @default / */
  path?: string
  port: IntOrString
  host?: string
  /** @default HTTP */
  scheme?: URIScheme
  httpHeaders?: HTTPHeader[]
}

export interface HTTPHeader {
  name: string
  value: string
}

export interface TCPSocketAction {
  port: IntOrString
  host?: string
}

export interface GRPCAction {
  /** @minimum 1 @maximum 65535 */
  port: int32
  /** @default "" */
  service?: string
}

export interface SleepAction {
  seconds: int64
}

export type URIScheme = 'HTTP' | 'HTTPS'
