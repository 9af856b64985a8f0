import type { Build } from '#server/endpoints/version.ts'

/** A `Build` in JSON, put in place by the bundler (`bin/launch.js`); there is none where the sources run as they are. */
declare const k8tsBuild: string | undefined

/** Which sources this program was built from; undefined where it was not built. */
export const ownBuild: Build | undefined =
  typeof k8tsBuild === 'undefined' ? undefined : (JSON.parse(k8tsBuild) as Build)
