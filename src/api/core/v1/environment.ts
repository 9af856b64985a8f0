// Where the environment variables of a container come from.
import type { Quantity } from '#api/scalars.ts'

/** One environment variable of a container. */
export interface EnvVar {
  /** May be any printable text without `=`. */
  name: string
  /** The value itself; `$(NAME)` stands for a variable defined earlier. */
  value?: string
  /** Where the value comes from; not together with `value`. */
  valueFrom?: EnvVarSource
}

/** Where the value of a variable comes from; exactly one member is set. */
export interface EnvVarSource {
  /** A field of the pod, such as `metadata.name` or `status.podIP`. */
  fieldRef?: ObjectFieldSelector
  /** A request or limit of a container. */
  resourceFieldRef?: ResourceFieldSelector
  /** An entry of a ConfigMap. */
  configMapKeyRef?: ConfigMapKeySelector
  /** An entry of a Secret. */
  secretKeyRef?: SecretKeySelector
  /** A variable in a file of a volume. */
  fileKeyRef?: FileKeySelector
}

/** Makes a variable of every entry of a ConfigMap or Secret. */
export interface EnvFromSource {
  /** Put in front of every name. */
  prefix?: string
  /** The ConfigMap to take. */
  configMapRef?: ConfigMapEnvSource
  /** The Secret to take. */
  secretRef?: SecretEnvSource
}

/** A ConfigMap whose entries become variables. */
export interface ConfigMapEnvSource {
  /** The ConfigMap, in the pod's namespace. */
  name?: string
  /** Whether the container may start without it. */
  optional?: boolean
}

/** A Secret whose entries become variables. */
export interface SecretEnvSource {
  /** The Secret, in the pod's namespace. */
  name?: string
  /** Whether the container may start without it. */
  optional?: boolean
}

/** One entry of a ConfigMap. @atomic */
export interface ConfigMapKeySelector {
  /** The ConfigMap, in the pod's namespace. */
  name?: string
  /** The entry. */
  key: string
  /** Whether the ConfigMap or the entry may be missing. */
  optional?: boolean
}

/** One entry of a Secret. @atomic */
export interface SecretKeySelector {
  /** The Secret, in the pod's namespace. */
  name?: string
  /** The entry. */
  key: string
  /** Whether the Secret or the entry may be missing. */
  optional?: boolean
}

/** One field of the pod. @atomic */
export interface ObjectFieldSelector {
  /** The version in which the path is written. @default v1 */
  apiVersion?: string
  /** The path of the field, such as `metadata.labels['app']`. */
  fieldPath: string
}

/** One request or limit of a container. @atomic */
export interface ResourceFieldSelector {
  /** The container; the one that asks when absent. */
  containerName?: string
  /** Which one, such as `limits.cpu`. */
  resource: string
  /** The unit of the result, such as `1m` or `1Mi`; `1` when absent. */
  divisor?: Quantity
}

/** One variable in a file of variables. @atomic */
export interface FileKeySelector {
  /** The volume with the file; an emptyDir. */
  volumeName: string
  /** The file in the volume; relative and without `..`. */
  path: string
  /** The variable in the file, at most 128 characters. */
  key: string
  /** Whether the file or the variable may be missing. @default false */
  optional?: boolean
}
