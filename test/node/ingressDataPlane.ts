// One suite for every data plane of the ingress: real requests on loopback through the plane to real servers.
import type { MakeDataPlane, Traits } from './ingressDataPlaneFixture.ts'
import { testClients } from './ingressDataPlaneClients.ts'
import { testErrorPages } from './ingressDataPlaneErrorPages.ts'
import { testHostile } from './ingressDataPlaneHostile.ts'
import { testProtocols } from './ingressDataPlaneProtocols.ts'
import { testRouting } from './ingressDataPlaneRouting.ts'
import { testRules } from './ingressDataPlaneRules.ts'
import { testServers } from './ingressDataPlaneServers.ts'

/** Declares all tests of a data plane. */
export function testDataPlane(make: MakeDataPlane, traits: Traits): void {
  testRouting(make)
  testRules(make, traits)
  testClients(make)
  testErrorPages(make)
  testServers(make)
  testProtocols(make)
  testHostile(make, traits)
}
