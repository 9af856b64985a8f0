// What the query says when a client talks to a pod, a service or a node through the API server.
import type { Time, int32, int64 } from '#api/scalars.ts'

/** How to run a command in a container. */
export interface PodExecOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** Sends the client's input to the command. */
  stdin?: boolean
  /** Sends the command's output to the client. */
  stdout?: boolean
  /** Sends the command's error output to the client. */
  stderr?: boolean
  /** Gives the command a terminal; output and error output are then one. */
  tty?: boolean
  /** The container; may be left out when the pod has only one. */
  container?: string
  /** The program and its arguments; no shell is involved. */
  command?: string[]
}

/** How to connect to the main process of a container. */
export interface PodAttachOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** Sends the client's input to the process; false unless set. */
  stdin?: boolean
  /** Sends its output to the client; true unless set. */
  stdout?: boolean
  /** Sends its error output to the client; true unless set. */
  stderr?: boolean
  /** Uses the container's terminal; output and error output are then one. */
  tty?: boolean
  /** The container; may be left out when the pod has only one. */
  container?: string
}

/** Which part of a container's log to read. */
export interface PodLogOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** The container; may be left out when the pod has only one. */
  container?: string
  /** Goes on sending as the log grows. */
  follow?: boolean
  /** Reads the log of the run before the last restart. */
  previous?: boolean
  /** Only what was written in the last so many seconds; not together with `sinceTime`. */
  sinceSeconds?: int64
  /** Only what was written at or after this moment. */
  sinceTime?: Time
  /** Puts the time in front of every line. */
  timestamps?: boolean
  /** Only so many lines from the end; all of the log when absent. */
  tailLines?: int64
  /** Stops after so many bytes, perhaps within a line. */
  limitBytes?: int64
  /** Does not check the certificate of the node that serves the log. */
  insecureSkipTLSVerifyBackend?: boolean
  /** Which of the container's streams to read; both when absent. */
  stream?: LogStreamType
}

/** Which ports of a pod to connect to. */
export interface PodPortForwardOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** The ports; needed over WebSockets. */
  ports?: int32[]
}

/** Where in a pod an HTTP request goes. */
export interface PodProxyOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** The path to ask for. */
  path?: string
}

/** Where in a service an HTTP request goes. */
export interface ServiceProxyOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** The path to ask for, on one endpoint of the service. */
  path?: string
}

/** Where on a node's kubelet an HTTP request goes. */
export interface NodeProxyOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** The path to ask for. */
  path?: string
}

/** The streams that a container writes to. */
export type LogStreamType = 'All' | 'Stderr' | 'Stdout'
