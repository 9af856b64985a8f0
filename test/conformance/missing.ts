/** Conformance tests that no test shows, each with the reason; what stands neither here nor in a test has none yet. */
export const missing: Readonly<Record<string, string>> = {
  '[sig-apps] CronJob should not schedule jobs when suspended': 'there is no controller of cron jobs yet',
  '[sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota':
    'there is no controller of replication controllers yet',
}
