import type { MaySign } from '../admission/certificates.ts'
import type { Authorization } from './authorizers.ts'
import { decide } from './authorizer.ts'

/** Asks the authorizers about signers: resources that exist only in rules, named after the signer. */
export function maySignBy({ authorizers }: Pick<Authorization, 'authorizers'>): MaySign {
  return (caller, verb, name) => {
    const group = 'certificates.k8s.io'
    const what = { path: '', isResource: true, verb, group, version: '*', namespace: '', resource: 'signers', name }
    return decide(authorizers, caller, { ...what, subresource: '' }).verdict === 'allow'
  }
}
