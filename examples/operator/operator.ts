// Everything put together: one loop, three webhooks.
import { converting, mutating, validating, type Operator, type ServingCertificate } from 'k8ts/client'
import { complete, judge } from './admission.ts'
import { convertSite } from './convert.ts'
import type { Ledger } from './ledger.ts'
import { siteController } from './reconciler.ts'
import { sites, type Site } from './site.ts'

export interface SiteOperatorOptions {
  readonly ledger: Ledger
  readonly webhooks: { readonly port: number; readonly host?: string; readonly certificate: ServingCertificate }
}

export function siteOperator({ ledger, webhooks }: SiteOperatorOptions): Operator {
  const { certificate, ...listening } = webhooks
  return {
    name: 'site-operator',
    controllers: (context) => [siteController(context, ledger)],
    webhooks({ informers }) {
      const known = informers.of(sites)
      known.addIndex('host', ({ spec }) => [spec.host])
      return {
        ...listening,
        ...certificate,
        reviewers: {
          '/complete': mutating(complete),
          '/judge': validating<Site>((asked) => judge(asked, known)),
          '/convert': converting(convertSite),
        },
      }
    },
  }
}
