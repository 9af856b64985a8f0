/** Routes made ready to serve: what is read from text is read once, and what cannot be used is found before anything changes. */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { Action, Forward, HeaderChanges, Route, Routing } from '#ingress/routing.ts'
import { unknownHash, usersLeft } from './basicAuthentication.ts'
import { compileValue, RouteTable } from './match.ts'
import { sourceTest } from './sources.ts'

type Test<T> = (value: T) => boolean

export interface ReadyForward extends Forward {
  readonly tests: readonly {
    readonly on: 'header' | 'cookie'
    readonly name: string
    readonly test: Test<string | undefined>
    readonly pool: string
  }[]
}

export type ReadyAction = Exclude<Action, Forward> | ReadyForward

export interface ReadyRoute extends Route {
  readonly action: ReadyAction
  readonly isAllowed?: Test<string>
  readonly isDenied?: Test<string>
  readonly isUnlimited?: Test<string>
  /** Of the certificate that a client shows. */
  readonly isSubject?: Test<string>
}

export interface ReadyRoutes {
  readonly table: RouteTable<ReadyRoute>
  readonly fallback: ReadyAction
  /** What cannot be served, by the name of the route. */
  readonly left: ReadonlyMap<string, readonly string[]>
}

/** Throws when a part of a route is wrong; the message says which. */
export function prepareRoutes({ routes, fallback, pools }: Routing): ReadyRoutes {
  const left = new Map<string, readonly string[]>()
  const ready = routes.map((route): ReadyRoute => {
    const whose = `route ${route.name} of ${route.owner}`
    const { allowedSources, deniedSources, rateLimit, basicAuthentication, requestHeaders, responseHeaders } =
      route.rules
    const { errorPages } = route.rules
    const { subject } = route.rules.clientCertificate ?? {}
    checkHeaders(requestHeaders, whose)
    checkHeaders({ set: errorPages?.headers ?? [] }, whose)
    if (errorPages !== undefined && !pools.has(errorPages.pool)) throw missingPool(errorPages.pool, whose)
    checkHeaders(responseHeaders, whose)
    if (basicAuthentication !== undefined) {
      const users = usersLeft(basicAuthentication)
      if (users.length > 0) left.set(route.name, users.map(unknownHash))
    }
    return {
      ...route,
      action: prepareAction(route.action, pools, whose),
      ...(allowedSources === undefined ? {} : { isAllowed: sourceTest(allowedSources, whose) }),
      ...(deniedSources === undefined ? {} : { isDenied: sourceTest(deniedSources, whose) }),
      ...(subject === undefined
        ? {}
        : { isSubject: compileValue({ name: 'subject', kind: 'pattern', value: `.*(?:${subject}).*` }, whose) }),
      ...(rateLimit === undefined ? {} : { isUnlimited: sourceTest(rateLimit.unlimitedSources, whose) }),
    }
  })
  return { table: new RouteTable(ready), fallback: prepareAction(fallback, pools, 'the fallback'), left }
}

const missingPool = (pool: string, whose: string): Error =>
  new Error(`Cannot find pool ${pool} of ${whose} among those of the routing`)

function prepareAction(action: Action, pools: Routing['pools'], whose: string): ReadyAction {
  if (action.kind !== 'forward') return action
  for (const { pool } of [...action.shares, ...action.overrides]) {
    if (!pools.has(pool)) throw missingPool(pool, whose)
  }
  return {
    ...action,
    tests: action.overrides.map(({ on, match, pool }) => ({
      on,
      name: on === 'header' ? match.name.toLowerCase() : match.name,
      test: compileValue(match, whose),
      pool,
    })),
  }
}

function checkHeaders(changes: HeaderChanges | undefined, whose: string): void {
  for (const { name, value } of [...(changes?.set ?? []), ...(changes?.add ?? [])]) {
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch (error) {
      throw new Error(`Cannot set header "${name}" for ${whose}: ${(error as Error).message}`, { cause: error })
    }
  }
}
