// One suite for every data plane of the ingress: real requests on loopback through the plane to real servers.
import { testRouting } from './ingressDataPlaneRouting.ts'
import type { MakeDataPlane, Traits } from './ingressDataPlaneFixture.ts'

export function testDataPlane(make: MakeDataPlane, _traits: Traits): void {
  testRouting(make)
}
