// Groups of Kubernetes itself are for kinds that its community has approved: an annotation says so, or why not.
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'

/** The annotation with the address of the approval, or with `unapproved` and a reason. */
export const approvalAnnotation = 'api-approved.kubernetes.io'

const proposal = 'see https://github.com/kubernetes/enhancements/pull/1111'

/** Whether a group belongs to the community. */
export function isProtectedGroup(group: string): boolean {
  return /(^|\.)(k8s|kubernetes)\.io$/.test(group)
}

export interface Approval {
  readonly state: 'missing' | 'bypassed' | 'approved' | 'invalid'
  readonly reason: string
}

/** What the annotations of a definition say about its approval. */
export function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const text = metadata.annotations?.[approvalAnnotation] ?? ''
  const quoted = JSON.stringify(approvalAnnotation)
  if (text === '') {
    return { state: 'missing', reason: `protected groups must have approval annotation ${quoted}, ${proposal}` }
  }
  if (text.startsWith('unapproved')) return { state: 'bypassed', reason: `not approved: ${JSON.stringify(text)}` }
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]/.test(text)) return { state: 'approved', reason: `approved in ${text}` }
  const reason = `protected groups must have approval annotation ${quoted} with either a URL or a reason starting with "unapproved", ${proposal}`
  return { state: 'invalid', reason }
}
