import type { Exchange } from '../exchange.ts'
import { authorize } from './authorizer.ts'

/** An update or apply of what is not there creates it: then the permission to update is not enough. Throws 403. */
export function authorizeCreation({ server, caller, info }: Exchange): void {
  authorize(server.authorization.authorizers, caller, { ...info, verb: 'create' })
}
