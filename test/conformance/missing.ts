/** Conformance tests that no test shows, each with the reason; what stands neither here nor in a test has none yet. */
export const missing: Readonly<Record<string, string>> = {
  '[sig-network] HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol':
    'shown but for one part: a hostPort with the hostIP 127.0.0.1 is not reached from its node',
}
