// Everything that the file of `k8ts server --config` may say. The flags of kube-apiserver that say the same stand beside
// each setting; the JSON schema and docs/server.md are made from this.
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
  textsByName,
  wholeNumber,
  yesOrNo,
  type SettingPlace,
  type ValuesOf,
} from '#lib/settings/settings.ts'
import { parseCidr } from '#lib/net/cidr.ts'
import { admissionPluginNames, optionalPlugins } from '#server/admission/plugins.ts'
import { podSecuritySettings } from '#server/admission/podSecurity/configuration.ts'
import { resourceQuotaSettings } from '#server/admission/resourceQuota/limits.ts'
import { authorizationModes } from '#server/authorize/authorizers.ts'
import { openLimits } from '#server/requestLimits.ts'

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

const httpsUrl = (value: string): string | undefined => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  const fits = url?.protocol === 'https:' && url.search === '' && url.hash === '' && url.username === ''
  return fits ? undefined : 'it must be an https URL without query, fragment and user'
}

const filled = (value: string): string | undefined => (value === '' ? 'it must not be empty' : undefined)

const signingAlgorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const

const oidc = members('An OpenID Connect provider whose users are known.', {
  issuer: required(
    text({ about: 'As its tokens name it.', flag: '--oidc-issuer-url', shape: 'an https URL', rule: httpsUrl }),
  ),
  clientId: required(text({ about: 'For whom tokens must be made.', flag: '--oidc-client-id', rule: filled })),
  usernameClaim: defaulting(
    text({ about: 'The claim with the name of the user.', flag: '--oidc-username-claim', rule: filled }),
    'sub',
  ),
  usernamePrefix: text({
    about: 'What stands before names: the issuer and # when absent, nothing for "-".',
    flag: '--oidc-username-prefix',
  }),
  groupsClaim: text({ about: 'The claim with the groups of the user.', flag: '--oidc-groups-claim', rule: filled }),
  groupsPrefix: text({ about: 'What stands before groups.', flag: '--oidc-groups-prefix' }),
  requiredClaims: textsByName({ about: 'Claims that tokens must have.', flag: '--oidc-required-claim' }),
  algorithms: listOf(
    { about: 'With what tokens may be signed; RS256 alone when absent.', flag: '--oidc-signing-algs', least: 1 },
    oneOf({ about: 'One of them.' }, signingAlgorithms),
  ),
  authorityFile: absolutePath({
    about: "PEM of the authority of the provider's certificate; those of the machine when absent.",
    flag: '--oidc-ca-file',
  }),
})

const authentication = members('Who somebody is.', {
  anonymous: yesOrNo({
    about: 'Whether requests of nobody in particular are looked at; yes, unless everything is allowed.',
    flag: '--anonymous-auth',
  }),
  clientAuthorityFile: absolutePath({
    about: 'PEM of the authorities of client certificates; the one that the server makes when absent.',
    flag: '--client-ca-file',
  }),
  tokenFile: absolutePath({ about: 'Lines token,user,uid,"group1,group2".', flag: '--token-auth-file' }),
  bootstrapTokens: defaulting(
    yesOrNo({ about: 'Whether tokens in Secrets of kube-system are known.', flag: '--enable-bootstrap-token-auth' }),
    false,
  ),
  oidc,
})

const issuerOf = (value: string): string | undefined =>
  value !== '' && (!value.includes(':') || URL.canParse(value)) ? undefined : 'it must be a name or a URL'

const serviceAccounts = members('Tokens of service accounts.', {
  issuers: defaulting(
    listOf(
      {
        about: 'Who issues tokens. The first one names new tokens, those of the others are known too.',
        flag: '--service-account-issuer',
        least: 1,
      },
      text({ about: 'One of them.', rule: issuerOf }),
    ),
    ['https://kubernetes.default.svc.cluster.local'],
  ),
  signingKeyFile: absolutePath({
    about: 'PEM of the private key that signs tokens; the server makes one in the data directory when absent.',
    flag: '--service-account-signing-key-file',
  }),
  keyFiles: defaulting(
    listOf(
      {
        about: 'PEM of further keys, public or private, by which tokens are known.',
        flag: '--service-account-key-file',
      },
      absolutePath({ about: 'One of them.' }),
    ),
    [],
  ),
  audiences: listOf(
    {
      about: 'For whom tokens are that are meant for this server; the issuers when absent.',
      flag: '--api-audiences',
      least: 1,
    },
    text({ about: 'One of them.', rule: filled }),
  ),
  longestExpiration: duration({
    about: 'The longest life of a token.',
    flag: '--service-account-max-token-expiration',
    least: 3_600_000,
    most: 2 ** 32 * 1_000,
  }),
})

const authorization = members('What callers may do.', {
  modes: defaulting(
    listOf(
      { about: 'Who decides, in order.', flag: '--authorization-mode', least: 1 },
      oneOf({ about: 'One of them.' }, authorizationModes),
    ),
    ['Node', 'RBAC'],
  ),
})

const plugin = oneOf({ about: 'The name of a plugin.' }, admissionPluginNames())

const admission = members(
  'What is changed in or refused of writes.',
  {
    enable: defaulting(
      listOf(
        {
          about: `Plugins that are asked. All are but ${optionalPlugins.join(', ')}.`,
          flag: '--enable-admission-plugins',
        },
        plugin,
      ),
      [],
    ),
    disable: defaulting(
      listOf({ about: 'Plugins that are not asked.', flag: '--disable-admission-plugins' }, plugin),
      [],
    ),
    podSecurity: podSecuritySettings,
    resourceQuota: resourceQuotaSettings,
    configFile: absolutePath({
      about: 'A file of kind AdmissionConfiguration with what podSecurity and resourceQuota say here.',
      flag: '--admission-control-config-file',
    }),
  },
  ({ enable, disable, podSecurity, resourceQuota, configFile }, place) => {
    for (const [index, name] of disable.entries()) {
      if (enable.includes(name)) place.at('disable').at(index).wrong(name, 'it is enabled too')
    }
    if (configFile === undefined) return
    if (podSecurity !== undefined) place.at('podSecurity').note('cannot be said together with configFile')
    if (resourceQuota !== undefined) place.at('resourceQuota').note('cannot be said together with configFile')
  },
)

const requests = members('What requests may cost.', {
  largestBody: defaulting(
    wholeNumber({ about: 'The largest body, in bytes.', least: 1024, most: 64 * megabyte }),
    openLimits.bodyBytes,
  ),
  inFlight: defaulting(
    wholeNumber({
      about: 'Reads at the same time; more are answered 429. 0: any number.',
      flag: '--max-requests-inflight',
      least: 0,
      most: 1_000_000,
    }),
    400,
  ),
  mutatingInFlight: defaulting(
    wholeNumber({
      about: 'Writes at the same time; more are answered 429. 0: any number.',
      flag: '--max-mutating-requests-inflight',
      least: 0,
      most: 1_000_000,
    }),
    200,
  ),
  timeout: defaulting(
    duration({
      about: 'How long an answer may take that is no watch and no stream.',
      flag: '--request-timeout',
      least: 1_000,
    }),
    '60s',
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

const audit = members(
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

const kubelets = members('How the server shows itself to kubelets; with a certificate that it makes when absent.', {
  authorityFile: required(
    absolutePath({ about: "PEM of the authority of kubelets' certificates.", flag: '--kubelet-certificate-authority' }),
  ),
  certificateFile: required(absolutePath({ about: 'PEM.', flag: '--kubelet-client-certificate' })),
  keyFile: required(absolutePath({ about: 'PEM of its key.', flag: '--kubelet-client-key' })),
})

/** The first and the last port of `30000-32767`; undefined when it is no such range. */
export function readPorts(value: string): readonly [number, number] | undefined {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(value)
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  return match === null || first < 1 || last > 65_535 || first > last ? undefined : [first, last]
}

const services = members('What services get.', {
  addresses: defaulting(
    text({
      about: 'The block of cluster addresses.',
      flag: '--service-cluster-ip-range',
      shape: 'an IPv4 range such as 10.96.0.0/12',
      rule(value) {
        const cidr = parseCidr(value)
        if (cidr === undefined || cidr.family !== 4) return 'it must be an IPv4 range such as 10.96.0.0/12'
        return cidr.prefix > 24 ? 'it must hold at least 256 addresses (/24 or wider)' : undefined
      },
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
  if (known?.anonymous === true && modes?.modes?.includes('AlwaysAllow') === true) {
    place.at('authentication').at('anonymous').wrong(true, 'it must be false where authorization.modes has AlwaysAllow')
  }
}
