const calls = 'calls into containers, and those of simulated nodes have nothing inside'

/** Conformance tests that no test shows, each with the reason; what stands neither here nor in a test has none yet. */
export const missing: Readonly<Record<string, string>> = {
  '[sig-apps] ReplicaSet should serve a basic image on each replica with a public image': calls,
  '[sig-apps] ReplicationController should serve a basic image on each replica with a public image': calls,
}
