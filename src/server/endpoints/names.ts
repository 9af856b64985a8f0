import type { KubeObject } from '#api/resource.ts'
import { badRequest } from '#machinery/status.ts'
import type { Kind } from '../kind.ts'

/** Refuses names that no object can have and that could mean another path. */
export function checkName(name: string): void {
  const problem =
    name === '.' || name === '..'
      ? `may not be '${name}'`
      : name.includes('/')
        ? `may not contain '/'`
        : name.includes('%')
          ? `may not contain '%'`
          : undefined
  if (problem !== undefined) throw badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${problem}`)
}

/** The object must be the one that the path names; what it leaves out is filled in. */
export function checkIdentity(object: KubeObject, kind: Kind, namespace: string, name: string): void {
  const { metadata } = object
  if ((metadata.name ?? '') === '') metadata.name = name
  if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  }
  if (kind.resource.scope === 'Cluster') return
  if ((metadata.namespace ?? '') === '') metadata.namespace = namespace
  if (metadata.namespace !== namespace) {
    throw badRequest(
      `the namespace of the object (${metadata.namespace}) does not match the namespace on the URL (${namespace})`,
    )
  }
}
