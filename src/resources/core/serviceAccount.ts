import { serviceAccounts, type ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'

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
  subresources: {
    token: { verbs: ['create'], body: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' } },
  },
}
