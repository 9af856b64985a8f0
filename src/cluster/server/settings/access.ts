// Who somebody is, and what he may do.
import {
  absolutePath,
  defaulting,
  duration,
  listOf,
  members,
  oneOf,
  required,
  text,
  textsByName,
  yesOrNo,
} from '#lib/settings/settings.ts'
import { providerUrlProblem, signingAlgorithms } from '#server/authenticate/providerOptions.ts'
import { authorizationModes } from '#server/authorize/authorizers.ts'

const filled = (value: string): string | undefined => (value === '' ? 'it must not be empty' : undefined)

const oidc = members('An OpenID Connect provider whose users are known.', {
  issuer: required(
    text({
      about: 'As its tokens name it.',
      flag: '--oidc-issuer-url',
      shape: 'an https URL',
      rule: providerUrlProblem,
    }),
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

const names = (about: string, flag: string) => listOf({ about, flag }, text({ about: 'One of them.', rule: filled }))

const frontProxy = members(
  'Servers that ask in the name of their own callers. Without it the server believes those with the certificate that it makes for itself.',
  {
    authorityFile: required(
      absolutePath({
        about: 'PEM of the authorities of such servers, and of nobody else.',
        flag: '--requestheader-client-ca-file',
      }),
    ),
    allowedNames: defaulting(names('Their common names; any when there is none.', '--requestheader-allowed-names'), []),
    usernameHeaders: defaulting(names('Headers with the user.', '--requestheader-username-headers'), ['X-Remote-User']),
    uidHeaders: defaulting(names('Headers with the uid.', '--requestheader-uid-headers'), ['X-Remote-Uid']),
    groupHeaders: defaulting(names('Headers with groups.', '--requestheader-group-headers'), ['X-Remote-Group']),
    extraHeaderPrefixes: defaulting(
      names('What headers with extra values begin with.', '--requestheader-extra-headers-prefix'),
      ['X-Remote-Extra-'],
    ),
  },
)

export const aggregation = members(
  'What the server shows to servers that extend its API; with a certificate that it makes when absent.',
  {
    certificateFile: required(absolutePath({ about: 'PEM.', flag: '--proxy-client-cert-file' })),
    keyFile: required(absolutePath({ about: 'PEM of its key.', flag: '--proxy-client-key-file' })),
  },
)

export const authentication = members('Who somebody is.', {
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
  configFile: absolutePath({
    about:
      'A file of kind AuthenticationConfiguration: providers whose tokens are known, and where requests of nobody in particular are looked at.',
    flag: '--authentication-config',
  }),
  frontProxy,
})

const issuerOf = (value: string): string | undefined =>
  value !== '' && (!value.includes(':') || URL.canParse(value)) ? undefined : 'it must be a name or a URL'

export const serviceAccounts = members('Tokens of service accounts.', {
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
  extendExpiration: defaulting(
    yesOrNo({
      about: 'Whether the usual tokens of pods are good for a year, for clients that do not read them again.',
      flag: '--service-account-extend-token-expiration',
    }),
    true,
  ),
})

export const authorization = members('What callers may do.', {
  modes: defaulting(
    listOf(
      { about: 'Who decides, in order.', flag: '--authorization-mode', least: 1 },
      oneOf({ about: 'One of them.' }, authorizationModes),
    ),
    ['Node', 'RBAC'],
  ),
})
