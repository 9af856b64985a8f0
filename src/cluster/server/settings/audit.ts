// Where the audit log goes.
import { absolutePath, defaulting, duration, members, required, text, wholeNumber } from '#lib/settings/settings.ts'

const auditLog = members('A file with a line of JSON for each event.', {
  path: required(
    text({
      about: 'The file; - writes to the standard output.',
      flag: '--audit-log-path',
      shape: 'an absolute path, or -',
      rule: (value) => (value === '-' || value.startsWith('/') ? undefined : 'it must be an absolute path, or -'),
    }),
  ),
  largestMegabytes: defaulting(
    wholeNumber({
      about: 'The file is put aside when it has so many.',
      flag: '--audit-log-maxsize',
      least: 1,
      most: 100_000,
    }),
    100,
  ),
  mostFiles: defaulting(
    wholeNumber({
      about: 'Files put aside that are kept; 0: all.',
      flag: '--audit-log-maxbackup',
      least: 0,
      most: 10_000,
    }),
    100,
  ),
  mostDays: defaulting(
    wholeNumber({
      about: 'Days for which they are kept; 0: for ever.',
      flag: '--audit-log-maxage',
      least: 0,
      most: 36_500,
    }),
    366,
  ),
})

const auditWebhook = members('A server that is sent events in batches.', {
  configFile: required(
    absolutePath({ about: 'A kubeconfig that says where it is and who asks.', flag: '--audit-webhook-config-file' }),
  ),
  firstPause: defaulting(
    duration({
      about: 'How long to wait before a request that failed is made again.',
      flag: '--audit-webhook-initial-backoff',
      least: 100,
      most: 3_600_000,
    }),
    '10s',
  ),
  batchSize: defaulting(
    wholeNumber({ about: 'Events in one request.', flag: '--audit-webhook-batch-max-size', least: 1, most: 10_000 }),
    400,
  ),
  batchWait: defaulting(
    duration({
      about: 'How long to wait until so many are there.',
      flag: '--audit-webhook-batch-max-wait',
      least: 0,
      most: 3_600_000,
    }),
    '30s',
  ),
  mostWaiting: defaulting(
    wholeNumber({
      about: 'Events that wait at the most; more are lost.',
      flag: '--audit-webhook-batch-buffer-size',
      least: 1,
      most: 1_000_000,
    }),
    10_000,
  ),
})

export const audit = members(
  'Who did what is noted for those who look afterwards.',
  {
    policyFile: required(
      absolutePath({
        about: 'A file of kind Policy (audit.k8s.io/v1): what of which requests.',
        flag: '--audit-policy-file',
      }),
    ),
    log: auditLog,
    webhook: auditWebhook,
  },
  ({ log, webhook }, place) => {
    if (log === undefined && webhook === undefined) place.note('has neither log nor webhook; events must go somewhere')
  },
)
