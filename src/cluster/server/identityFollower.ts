/** Reads the certificates that a server's settings name anew while it runs, as whoever renews them expects. */
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { messageOf } from '#lib/errorText.ts'
import type { Logger } from '#lib/log.ts'
import type { ServerIdentity } from './credentials.ts'

/** How often files are read: a renewed certificate is shown no later than that. */
const lookMs = 5_000

export interface IdentityFollowerOptions {
  /** What the server began with. */
  readonly first: ServerIdentity
  /** Reads the files; rejects with what is wrong with them. */
  readonly read: () => Promise<ServerIdentity>
  readonly apply: (identity: ServerIdentity) => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Applies what the files hold when that has changed. While they cannot be used the last good identity stays; a certificate and
 * its key are two files, so that is told only of what is still so at the next look.
 */
export function identityFollower({ first, read, apply, clock, log }: IdentityFollowerOptions): Component {
  return {
    name: 'identity',
    needs: ['api-server'],
    async run(ready, signal) {
      let known = first
      let problem: string | undefined
      let told: string | undefined
      ready()
      for (;;) {
        await clock.sleep(lookMs, signal).catch(() => {})
        if (signal.aborted) return
        try {
          const found = await read()
          if (!sameJson(found, known)) {
            apply(found)
            known = found
            log.info('The certificates of the server are read anew: connections from now on use them')
          }
          problem = told = undefined
        } catch (error) {
          const now = messageOf(error)
          if (now === problem && now !== told) {
            log.error('Changed certificates cannot be used; those of before stay', { error: now })
            told = now
          }
          problem = now
        }
      }
    },
  }
}
