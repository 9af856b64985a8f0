import { serviceAccounts, type ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'

/** With this annotation, pods mount no other secrets than those of their account. */
const mountable = 'kubernetes.io/enforce-mountable-secrets'

/** Service accounts: the identities of pods. */
export const serviceAccountStrategy: Strategy<ServiceAccount> = {
  resource: serviceAccounts,
  unconditionalUpdate: true,
  answersDeleted: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Secrets',
      description: 'Number of secrets that its pods may use.',
      value: ({ secrets }) => secrets?.length ?? 0,
    },
    ageColumn,
  ],
  warnings({ metadata }, old) {
    if (old?.metadata.annotations?.[mountable] !== undefined || metadata.annotations?.[mountable] === undefined)
      return []
    const instead = 'prefer separate namespaces to isolate access to mounted secrets'
    return [`metadata.annotations[${mountable}]: deprecated in v1.32+; ${instead}`]
  },
  subresources: {
    token: { verbs: ['create'], body: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' } },
  },
}
