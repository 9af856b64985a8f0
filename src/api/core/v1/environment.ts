import type { Quantity } from '#api/scalars.ts'

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: EnvVarSource
}

export interface EnvVarSource {
  fieldRef?: ObjectFieldSelector
  resourceFieldRef?: ResourceFieldSelector
  configMapKeyRef?: ConfigMapKeySelector
  secretKeyRef?: SecretKeySelector
  fileKeyRef?: FileKeySelector
}

export interface EnvFromSource {
  prefix?: string
  configMapRef?: ConfigMapEnvSource
  secretRef?: SecretEnvSource
}

export interface ConfigMapEnvSource {
  name?: string
  optional?: boolean
}

export interface SecretEnvSource {
  name?: string
  optional?: boolean
}

/** @atomic */
export interface ConfigMapKeySelector {
  name?: string
  key: string
  optional?: boolean
}

/** @atomic */
export interface SecretKeySelector {
  name?: string
  key: string
  optional?: boolean
}

/** @atomic */
export interface ObjectFieldSelector {
  /** @default v1 */
  apiVersion?: string
  fieldPath: string
}

/** @atomic */
export interface ResourceFieldSelector {
  containerName?: string
  resource: string
  divisor?: Quantity
}

/** @atomic */
export interface FileKeySelector {
  volumeName: string
  path: string
  key: string
  optional?: boolean
}
