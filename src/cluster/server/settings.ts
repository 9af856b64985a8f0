// Everything that the file of `k8ts server --config` may say. The flags of kube-apiserver that say the same stand beside
// each setting; the JSON schema and docs/server.md are made from this. Larger parts stand in settings/.
import { readPorts, serviceRangeProblem } from '#cluster/config.ts'
import {
  absolutePath,
  defaulting,
  duration,
  ipAddress,
  listOf,
  members,
  oneOf,
  required,
  text,
  wholeNumber,
  type SettingPlace,
  type ValuesOf,
} from '#lib/settings/settings.ts'
import { usualLimits } from '#server/requestLimits.ts'
import { aggregation, authentication, authorization, serviceAccounts } from './settings/access.ts'
import { admission } from './settings/admission.ts'
import { audit } from './settings/audit.ts'

const megabyte = 1024 * 1024

const store = members(
  { about: 'Where objects are kept.', flag: '--etcd-servers' },
  {
    engine: defaulting(
      oneOf({ about: 'sqlite keeps them in the data directory; memory forgets them at the end.' }, [
        'sqlite',
        'memory',
      ]),
      'sqlite',
    ),
    history: defaulting(
      members('How much of the past can be read.', {
        megabytes: defaulting(wholeNumber({ about: 'At most this much.', least: 1, most: 1_000_000 }), 256),
        hours: defaulting(wholeNumber({ about: 'At most this long.', least: 0, most: 24 * 365 }), 24),
      }),
      {},
    ),
    maximumMegabytes: wholeNumber({
      about: 'Beyond this the database does not grow; writes are refused.',
      flag: '--quota-backend-bytes of etcd',
      least: 1,
      most: 10_000_000,
    }),
  },
)

const listen = members('Where the server is reached.', {
  address: defaulting(ipAddress({ about: 'The address to listen on.', flag: '--bind-address' }), '0.0.0.0'),
  port: defaulting(
    wholeNumber({ about: 'The port; 0 takes any that is free.', flag: '--secure-port', least: 0, most: 65_535 }),
    6443,
  ),
  advertiseAddress: ipAddress({
    about: 'The address that others are told; that of the first network of this machine when absent.',
    flag: '--advertise-address',
  }),
})

const certificate = members(
  'What the server shows to clients. Without files it makes an authority and a certificate in the data directory.',
  {
    certificateFile: absolutePath({ about: 'PEM, with those of authorities in between.', flag: '--tls-cert-file' }),
    keyFile: absolutePath({ about: 'PEM of its key.', flag: '--tls-private-key-file' }),
    names: defaulting(
      listOf(
        { about: 'Further names and addresses of the certificate that the server makes.' },
        text({
          about: 'A name or an address.',
          rule: (value) =>
            /^[A-Za-z0-9.:-]{1,253}$/.test(value) ? undefined : 'it must be a host name or an IP address',
        }),
      ),
      [],
    ),
  },
  ({ certificateFile, keyFile, names }, place) => {
    if (certificateFile !== undefined && keyFile === undefined)
      place.at('keyFile').note('is missing; a certificate needs its key')
    if (certificateFile === undefined && keyFile !== undefined) {
      place.at('certificateFile').note('is missing; a key needs its certificate')
    }
    if (certificateFile !== undefined && names.length > 0) {
      place.at('names').note('cannot be said together with certificateFile; a certificate has its own names')
    }
  },
)

const requests = members('What requests may cost.', {
  largestBody: defaulting(
    wholeNumber({ about: 'The largest body, in bytes.', least: 1024, most: 64 * megabyte }),
    usualLimits.bodyBytes,
  ),
  inFlight: defaulting(
    wholeNumber({
      about: 'With mutatingInFlight: requests at the same time, shared by the priority levels. 0: any number.',
      flag: '--max-requests-inflight',
      least: 0,
      most: 1_000_000,
    }),
    usualLimits.inFlight,
  ),
  mutatingInFlight: defaulting(
    wholeNumber({
      about: 'With inFlight: requests at the same time, shared by the priority levels. 0: any number.',
      flag: '--max-mutating-requests-inflight',
      least: 0,
      most: 1_000_000,
    }),
    usualLimits.mutatingInFlight,
  ),
  timeout: defaulting(
    duration({
      about: 'How long an answer may take that is no watch and no stream.',
      flag: '--request-timeout',
      least: 1_000,
    }),
    `${usualLimits.timeout / 1_000}s`,
  ),
  shortestWatch: defaulting(
    duration({
      about: 'How long watches last at least that name no time; at most twice as long.',
      flag: '--min-request-timeout',
      least: 1_000,
    }),
    '30m',
  ),
})

const kubelets = members('How the server shows itself to kubelets; with a certificate that it makes when absent.', {
  authorityFile: required(
    absolutePath({ about: "PEM of the authority of kubelets' certificates.", flag: '--kubelet-certificate-authority' }),
  ),
  certificateFile: required(absolutePath({ about: 'PEM.', flag: '--kubelet-client-certificate' })),
  keyFile: required(absolutePath({ about: 'PEM of its key.', flag: '--kubelet-client-key' })),
})

const services = members('What services get.', {
  addresses: defaulting(
    text({
      about: 'The block of cluster addresses, or one of each family with a comma.',
      flag: '--service-cluster-ip-range',
      shape: 'a range such as 10.96.0.0/12, or one of each family',
      rule: serviceRangeProblem,
    }),
    '10.96.0.0/12',
  ),
  nodePorts: defaulting(
    text({
      about: 'The ports that nodes open.',
      flag: '--service-node-port-range',
      shape: 'two ports such as 30000-32767',
      rule: (value) => (readPorts(value) === undefined ? 'it must be two ports such as 30000-32767' : undefined),
    }),
    '30000-32767',
  ),
})

const parts = {
  dataDirectory: absolutePath({
    about: 'Holds the store and what the server makes for itself. Only this server may use it.',
    flag: '--cert-dir',
  }),
  store: defaulting(store, {}),
  listen: defaulting(listen, {}),
  certificate: defaulting(certificate, {}),
  administratorKubeconfig: absolutePath({
    about: 'Where to write a kubeconfig with which one may do everything.',
  }),
  authentication: defaulting(authentication, {}),
  serviceAccounts: defaulting(serviceAccounts, {}),
  authorization: defaulting(authorization, {}),
  admission: defaulting(admission, {}),
  requests: defaulting(requests, {}),
  services: defaulting(services, {}),
  audit,
  aggregation,
  kubelets,
  eventLifetime: defaulting(
    duration({ about: 'How long events are kept.', flag: '--event-ttl', least: 1_000, most: 30 * 24 * 3_600_000 }),
    '1h',
  ),
  shutdownDelay: defaulting(
    duration({
      about: 'How long the server goes on after it was told to stop, no longer ready, so that others see it first.',
      flag: '--shutdown-delay-duration',
      most: 600_000,
    }),
    '0s',
  ),
}

export type ServerSettings = ValuesOf<typeof parts>

/** The whole file. */
export const serverSettings = members('An API server of k8ts.', parts, checkTogether)

/** What the server has to make for itself, as nobody gives it. */
export function madeParts({
  certificate: shown,
  authentication: known,
  serviceAccounts: accounts,
  kubelets: connections,
}: Pick<ServerSettings, 'certificate' | 'authentication' | 'serviceAccounts' | 'kubelets'>): readonly string[] {
  return [
    ...(shown?.certificateFile === undefined ? ['certificate.certificateFile'] : []),
    ...(known?.clientAuthorityFile === undefined ? ['authentication.clientAuthorityFile'] : []),
    ...(accounts?.signingKeyFile === undefined ? ['serviceAccounts.signingKeyFile'] : []),
    ...(connections === undefined ? ['kubelets'] : []),
  ]
}

function checkTogether(settings: ServerSettings, place: SettingPlace): void {
  const { dataDirectory, store: kept, authentication: known, authorization: modes } = settings
  if (dataDirectory === undefined) {
    const made = madeParts(settings)
    if (kept?.engine === 'sqlite')
      place.at('dataDirectory').note('is missing; the store is kept there (or say store.engine: memory)')
    else if (made.length > 0) {
      place.at('dataDirectory').note(`is missing; what ${made.join(', ')} would name is made and kept there`)
    }
  }
  if (settings.administratorKubeconfig !== undefined && known?.clientAuthorityFile !== undefined) {
    place
      .at('administratorKubeconfig')
      .note('cannot be said together with authentication.clientAuthorityFile; the server has no key of that authority')
  }
  if (known?.configFile !== undefined && known.oidc !== undefined) {
    place.at('authentication').at('oidc').note('cannot be said together with authentication.configFile')
  }
  if (known?.anonymous === true && modes?.modes?.includes('AlwaysAllow') === true) {
    place.at('authentication').at('anonymous').wrong(true, 'it must be false where authorization.modes has AlwaysAllow')
  }
}
