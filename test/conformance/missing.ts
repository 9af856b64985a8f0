/** Conformance tests that no test shows, each with the reason; what stands neither here nor in a test has none yet. */
export const missing: Readonly<Record<string, string>> = {}
