import { ownValue } from '#lib/collections/ownValue.ts'
import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { Container } from '#api/core/v1/container.ts'
import type { EnvVar } from '#api/core/v1/environment.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Secret } from '#api/core/v1/secret.ts'
import { fieldValue, resourceValue, type OwnFacts } from '../plan/fieldRefs.ts'

/** The objects of the pod's namespace that it names; undefined when there is none of that name. */
export interface ReferencedObjects {
  configMap(name: string): ConfigMap | undefined
  secret(name: string): Secret | undefined
}

/** A container cannot be made as it is specified: shown as `CreateContainerConfigError`. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/**
 * The environment of a container: from whole ConfigMaps and Secrets, from services, from its own list, each able to
 * replace what came before. `$(NAME)` in a value stands for what is defined before it.
 */
export function computeEnvironment(
  pod: Pod,
  container: Container,
  objects: ReferencedObjects,
  services: ReadonlyMap<string, string>,
  facts: OwnFacts,
): ReadonlyMap<string, string> {
  const environment = new Map<string, string>()
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const source = configMapRef ?? secretRef
    if (source === undefined) continue
    const isSecret = configMapRef === undefined
    const { name = '', optional = false } = source
    const found = isSecret ? objects.secret(name) : objects.configMap(name)
    if (found === undefined) {
      if (!optional) throw new ConfigError(`${isSecret ? 'secret' : 'configmap'} "${name}" not found`)
      continue
    }
    const entries = isSecret ? textEntries(found as Secret) : Object.entries((found as ConfigMap).data ?? {})
    for (const [key, value] of entries) if (isVariableName(prefix + key)) environment.set(prefix + key, value)
  }
  const own = new Map<string, string>()
  for (const variable of container.env ?? []) {
    const value = valueOf(
      pod,
      container,
      variable,
      objects,
      facts,
      (name) => own.get(name) ?? environment.get(name) ?? services.get(name),
    )
    if (value !== undefined) {
      own.set(variable.name, value)
      environment.set(variable.name, value)
    }
  }
  for (const [name, value] of services) if (!environment.has(name)) environment.set(name, value)
  return environment
}

function valueOf(
  pod: Pod,
  container: Container,
  { value, valueFrom }: EnvVar,
  objects: ReferencedObjects,
  facts: OwnFacts,
  lookUp: (name: string) => string | undefined,
): string | undefined {
  if (value !== undefined && value !== '') return expandVariables(value, lookUp)
  if (valueFrom === undefined) return ''
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom
  const { namespace } = pod.metadata
  if (fieldRef !== undefined) {
    const found = fieldValue(pod, fieldRef.fieldPath, facts)
    if (found === undefined) throw new ConfigError(`unsupported fieldPath: ${fieldRef.fieldPath}`)
    return found
  }
  if (resourceFieldRef !== undefined) {
    const found = resourceValue(pod, container, resourceFieldRef, facts)
    if (found === undefined) throw new ConfigError(`Unsupported container resource : ${resourceFieldRef.resource}`)
    return found
  }
  if (configMapKeyRef !== undefined) {
    const { name = '', key, optional = false } = configMapKeyRef
    const found = objects.configMap(name)
    if (found === undefined && !optional) throw new ConfigError(`configmap "${name}" not found`)
    const text = ownValue(found?.data, key)
    if (text === undefined && !optional)
      throw new ConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`)
    return text
  }
  if (secretKeyRef !== undefined) {
    const { name = '', key, optional = false } = secretKeyRef
    const found = objects.secret(name)
    if (found === undefined && !optional) throw new ConfigError(`secret "${name}" not found`)
    const data = ownValue(found?.data, key)
    if (data === undefined && !optional)
      throw new ConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`)
    return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8')
  }
  return ''
}

function textEntries(secret: Secret): [string, string][] {
  return Object.entries(secret.data ?? {}).map(([key, data]) => [key, Buffer.from(data, 'base64').toString('utf8')])
}

/** Printable ASCII without `=` (KEP-4369). */
function isVariableName(name: string): boolean {
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(name)
}

/** Replaces `$(NAME)`; `$$` stands for `$`, and an unknown name stays as it is written. */
export function expandVariables(text: string, lookUp: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (lookUp(name) ?? whole),
  )
}
