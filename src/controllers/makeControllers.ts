import type { Client } from '#client/client.ts'
import type { Controller, Permission } from '#client/controller.ts'
import type { ControllerContext, MakeController } from './context.ts'

/** The service account of kube-system as which a controller acts. */
const accountOf = ({ account, name }: Controller): string => account ?? name

/** What the service accounts of controllers must be allowed, for the bootstrap roles. */
export function permissionsOf(
  controllers: readonly Controller[],
): readonly { readonly account: string; readonly permissions: readonly Permission[] }[] {
  return controllers.map((controller) => ({ account: accountOf(controller), permissions: controller.permissions }))
}

/**
 * Makes controllers that write as themselves. `clientOf` makes a client of the service account that it is told at each
 * request; which one that is, a controller says once it is made.
 */
export function makeControllers(
  makes: readonly MakeController[],
  context: Omit<ControllerContext, 'client'>,
  clientOf: (account: () => string) => Client,
): readonly Controller[] {
  return makes.map((make) => {
    let account = ''
    const controller = make({ ...context, client: clientOf(() => account) })
    account = accountOf(controller)
    return controller
  })
}
