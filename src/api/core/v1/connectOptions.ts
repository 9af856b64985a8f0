import type { Time, int32, int64 } from '#api/scalars.ts'

export interface PodExecOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  stdin?: boolean
  stdout?: boolean
  stderr?: boolean
  tty?: boolean
  container?: string
  command?: string[]
}

export interface PodAttachOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  stdin?: boolean
  stdout?: boolean
  stderr?: boolean
  tty?: boolean
  container?: string
}

export interface PodLogOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  container?: string
  follow?: boolean
  previous?: boolean
  sinceSeconds?: int64
  sinceTime?: Time
  timestamps?: boolean
  tailLines?: int64
  limitBytes?: int64
  insecureSkipTLSVerifyBackend?: boolean
  stream?: LogStreamType
}

export interface PodPortForwardOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  ports?: int32[]
}

export interface PodProxyOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  path?: string
}

export interface ServiceProxyOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  path?: string
}

export interface NodeProxyOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  path?: string
}

export type LogStreamType = 'All' | 'Stdout' | 'Stderr'
