/** Every conformance test that needs pods with a network. */
import { endpointTests } from './endpoints.ts'
import { nameTests } from './names.ts'
import { podTests } from './pods.ts'
import { proxyTests } from './proxying.ts'
import { serviceTests } from './services.ts'
import type { NetworkTest } from './stage.ts'

export const networkTests: readonly NetworkTest[] = [
  ...serviceTests,
  ...endpointTests,
  ...nameTests,
  ...proxyTests,
  ...podTests,
]
