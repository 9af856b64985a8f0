import type { Time, int32, int64 } from '#api/scalars.ts'

export interface PodExecOptions {
  kind?: string
  apiVersion?: string
  stdin?: boolean
  stdout?: boolean
  stderr?: boolean
  tty?: boolean
  container?: string
  command?: string[]
}

export interface PodAttachOptions {
  kind?: string
  apiVersion?: string
  stdin?: boolean
  stdout?: boolean
  stderr?: boolean
  tty?: boolean
  container?: string
}

export interface PodLogOptions {
  kind?: string
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
  kind?: string
  apiVersion?: string
  ports?: int32[]
}

export interface PodProxyOptions {
  kind?: string
  apiVersion?: string
  path?: string
}

export interface ServiceProxyOptions {
  kind?: string
  apiVersion?: string
  path?: string
}

export interface NodeProxyOptions {
  kind?: string
  apiVersion?: string
  path?: string
}

export type LogStreamType = 'All' | 'Stdout' | 'Stderr'
