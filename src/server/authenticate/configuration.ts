// Who is known by which tokens, and who may ask without any: `AuthenticationConfiguration` of apiserver.config.k8s.io, read
// from its file.
import {
  defaulting,
  listOf,
  members,
  oneOf,
  required,
  text,
  yesOrNo,
  type Members,
  type Setting,
  type SettingPlace,
  type SettingValue,
  type ValuesOf,
} from '#lib/settings/settings.ts'
import type { Program } from '#lib/cel/program.ts'
import { messageOf } from '#lib/errorText.ts'
import { readCertificates } from '#lib/pki/certificate.ts'
import { compileClaims, readsField } from '#machinery/cel/claimsEnvironment.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { AnonymousPaths } from './authenticator.ts'
import type { ClaimSource, JwtAuthenticator } from './jwt.ts'
import { providerUrlProblem, signingAlgorithms } from './providerOptions.ts'

const filled = (value: string): string | undefined => (value === '' ? 'it must not be empty' : undefined)

/** A text that counts as not said where it is empty. */
const said = (about: string) => text({ about })

const isSaid = (value: string | undefined): value is string => value !== undefined && value !== ''

/** Several settings as one of a list. */
const entry: <const M extends Members>(...given: Parameters<typeof members<M>>) => Setting<ValuesOf<M>> = (...given) =>
  required(members(...given)) as Setting<any>

/** Notes what is wrong with an expression; gives it ready for use where nothing is. */
function compiled(
  expression: string,
  about: 'claims' | 'user',
  decides: boolean,
  place: SettingPlace,
): Program | undefined {
  const result = compileClaims(expression, about, decides)
  if ('program' in result) return result.program
  place.wrong(expression, `it cannot be used: ${result.problem}`)
  return undefined
}

const both = 'and expression cannot be said together'

const issuer = members(
  'The provider whose tokens are known.',
  {
    url: required(text({ about: 'As its tokens name it.', shape: 'an https URL', rule: providerUrlProblem })),
    discoveryURL: text({
      about: 'Where its configuration is read; below the URL when absent.',
      shape: 'an https URL',
      rule: (value) => (value === '' ? undefined : providerUrlProblem(value)),
    }),
    certificateAuthority: said("PEM of the authority of the provider's certificate; those of the machine when absent."),
    audiences: required(
      listOf(
        { about: 'For one of them tokens must be made.', least: 1 },
        text({ about: 'One of them.', rule: filled }),
      ),
    ),
    audienceMatchPolicy: oneOf({ about: 'MatchAny where there are several audiences.' }, ['', 'MatchAny']),
  },
  ({ url, discoveryURL, certificateAuthority, audiences, audienceMatchPolicy }, place) => {
    const bare = (value = ''): string => value.replace(/\/+$/, '')
    if (isSaid(discoveryURL) && bare(discoveryURL) === bare(url)) {
      place.at('discoveryURL').wrong(discoveryURL, 'it must be another one than url')
    }
    if (isSaid(certificateAuthority)) {
      try {
        readCertificates(certificateAuthority)
      } catch (error) {
        place.at('certificateAuthority').note(`holds no certificates: ${messageOf(error)}`)
      }
    }
    if ((audiences ?? []).length > 1 && audienceMatchPolicy !== 'MatchAny') {
      place.at('audienceMatchPolicy').note('must be MatchAny for several audiences')
    }
  },
)

const claimValidationRules = defaulting(
  listOf(
    { about: 'What tokens must say.' },
    entry(
      'One of them: a claim with its value, or an expression that is true.',
      {
        claim: said('The claim.'),
        requiredValue: said('Its value.'),
        expression: said('Something about `claims`, in CEL.'),
        message: said('Told where it is not true.'),
      },
      ({ claim, requiredValue, expression, message }, place) => {
        if (isSaid(claim) === isSaid(expression)) {
          if (isSaid(claim)) place.at('claim').note(both)
          else place.note('needs a claim or an expression')
        } else if (isSaid(claim)) {
          if (isSaid(message)) place.at('message').note('cannot be said of a claim')
        } else {
          if (isSaid(requiredValue)) place.at('requiredValue').note('cannot be said of an expression')
          compiled(expression!, 'claims', true, place.at('expression'))
        }
      },
    ),
  ),
  [],
)

const userValidationRules = defaulting(
  listOf(
    { about: 'What users must be like.' },
    entry(
      'One of them.',
      {
        expression: required(text({ about: 'Something about `user` that is true, in CEL.', rule: filled })),
        message: said('Told where it is not.'),
      },
      ({ expression }, place) => {
        if (isSaid(expression)) compiled(expression, 'user', true, place.at('expression'))
      },
    ),
  ),
  [],
)

/** A part of the caller, with what stands before it. */
const prefixed = (about: string) =>
  members(
    about,
    {
      claim: said('The claim.'),
      prefix: text({ about: 'What stands before it; must be said with a claim, and may be empty.' }),
      expression: said('What it is, from `claims`, in CEL.'),
    },
    ({ claim, prefix, expression }, place) => {
      if (isSaid(claim) && isSaid(expression)) place.at('claim').note(both)
      else if (isSaid(claim)) {
        if (prefix === undefined) place.at('prefix').note('is missing; it must be a text, which may be empty')
      } else if (isSaid(expression)) {
        if (prefix !== undefined) place.at('prefix').note('cannot be said of an expression')
        compiled(expression, 'claims', false, place.at('expression'))
      }
    },
  )

const claimMappings = members(
  'Who somebody is.',
  {
    username: required(prefixed('His name.')),
    groups: prefixed('The groups that he is in.'),
    uid: members(
      'What tells him from others of that name.',
      { claim: said('The claim.'), expression: said('What it is, from `claims`, in CEL.') },
      ({ claim, expression }, place) => {
        if (isSaid(claim) && isSaid(expression)) place.at('claim').note(both)
        else if (isSaid(expression)) compiled(expression, 'claims', false, place.at('expression'))
      },
    ),
    extra: defaulting(
      listOf(
        { about: 'What else is known of him.' },
        entry(
          'One thing.',
          {
            key: required(text({ about: 'A domain, a slash and a path, in lower case.', rule: extraKeyProblem })),
            valueExpression: required(text({ about: 'A text or a list, from `claims`, in CEL.', rule: filled })),
          },
          ({ valueExpression }, place) => {
            if (isSaid(valueExpression)) compiled(valueExpression, 'claims', false, place.at('valueExpression'))
          },
        ),
      ),
      [],
    ),
  },
  ({ username, extra = [] }, place) => {
    if (!isSaid(username?.claim) && !isSaid(username?.expression)) {
      place.at('username').note('needs a claim or an expression')
    }
    noteRepeats(
      extra,
      ({ key }) => key,
      (index) => place.at('extra').at(index).at('key'),
    )
  },
)

const pathCharacters = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/

function extraKeyProblem(key: string): string | undefined {
  const [domain = '', ...path] = key.split('/')
  const isPath = pathCharacters.test(path.join('/'))
  if (dnsSubdomainProblems(domain.toLowerCase()).length > 0 || !isPath) {
    return 'it must be a domain, a slash and a path, such as example.org/foo'
  }
  if (key !== key.toLowerCase()) return 'it must be in lower case'
  const isOurs = /(^|\.)(kubernetes|k8s)\.io$/.test(domain)
  return isOurs ? 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes' : undefined
}

function noteRepeats<T>(
  list: readonly T[],
  keyOf: (entry: T) => string | undefined,
  placeOf: (index: number) => SettingPlace,
): void {
  const seen = new Set<string>()
  for (const [index, entry] of list.entries()) {
    const key = keyOf(entry) ?? ''
    if (key !== '' && seen.has(key)) placeOf(index).note('was said already')
    seen.add(key)
  }
}

const jwtAuthenticator = entry(
  'A provider, and what becomes of its tokens.',
  { issuer: required(issuer), claimValidationRules, claimMappings: required(claimMappings), userValidationRules },
  ({ claimValidationRules: rules = [], claimMappings: mappings, userValidationRules: userRules = [] }, place) => {
    noteRepeats(
      rules,
      ({ claim }) => claim,
      (index) => place.at('claimValidationRules').at(index).at('claim'),
    )
    const ofRule = (index: number): SettingPlace => place.at('claimValidationRules').at(index).at('expression')
    noteRepeats(rules, ({ expression }) => expression, ofRule)
    const ofUserRule = (index: number): SettingPlace => place.at('userValidationRules').at(index).at('expression')
    noteRepeats(userRules, ({ expression }) => expression, ofUserRule)
    const name = mappings?.username?.expression
    const reads = (expression: string | undefined, field: string): boolean => {
      const result = isSaid(expression) ? compileClaims(expression, 'claims', false) : undefined
      return result !== undefined && 'program' in result && readsField(result.program, 'claims', field)
    }
    if (!reads(name, 'email')) return
    const others = [
      ...(mappings.extra ?? []).map((each) => each.valueExpression),
      ...rules.map((each) => each.expression),
    ]
    if ([name, ...others].some((expression) => reads(expression, 'email_verified'))) return
    const where = 'claimMappings.username.expression, claimMappings.extra or claimValidationRules'
    const ofName = place.at('claimMappings').at('username').at('expression')
    ofName.note(`uses claims.email; then claims.email_verified must be used in ${where}`)
  },
)

/** The whole file. */
export const authenticationSettings = members(
  'Who is known by which tokens, and who may ask without any.',
  {
    apiVersion: required(
      oneOf({ about: 'Always the same.' }, [
        'apiserver.config.k8s.io/v1',
        'apiserver.config.k8s.io/v1beta1',
        'apiserver.config.k8s.io/v1alpha1',
      ]),
    ),
    kind: required(oneOf({ about: 'Always the same.' }, ['AuthenticationConfiguration'])),
    jwt: defaulting(listOf({ about: 'Providers, 64 at the most.' }, jwtAuthenticator), []),
    anonymous: members(
      'Whoever shows nothing.',
      {
        enabled: required(yesOrNo({ about: 'Whether he is looked at.' })),
        conditions: defaulting(
          listOf(
            { about: 'Where; everywhere when there is none.' },
            entry('A place.', { path: required(text({ about: 'Its path, to the letter.' })) }),
          ),
          [],
        ),
      },
      ({ enabled, conditions = [] }, place) => {
        if (enabled === false && conditions.length > 0) place.at('conditions').note('needs enabled to be true')
      },
    ),
  },
  ({ jwt = [] }, place) => {
    if (jwt.length > mostProviders) place.at('jwt').note(`has ${jwt.length} providers; there may be ${mostProviders}`)
    const ofIssuer = (index: number): SettingPlace => place.at('jwt').at(index).at('issuer')
    noteRepeats(
      jwt,
      (each) => each?.issuer?.url,
      (index) => ofIssuer(index).at('url'),
    )
    noteRepeats(
      jwt,
      (each) => each?.issuer?.discoveryURL,
      (index) => ofIssuer(index).at('discoveryURL'),
    )
  },
)

const mostProviders = 64

export type AuthenticationFile = NonNullable<SettingValue<typeof authenticationSettings>>

/** What a file says of those who show nothing; undefined where it says nothing. */
export function anonymousOf({ anonymous }: AuthenticationFile): AnonymousPaths | undefined {
  if (anonymous === undefined) return undefined
  const { enabled, conditions } = anonymous
  return enabled && conditions.length > 0 ? new Set(conditions.map(({ path }) => path)) : enabled
}

/** The providers of a file in which nothing is wrong. */
export function jwtAuthenticatorsOf({ jwt }: AuthenticationFile): readonly JwtAuthenticator[] {
  return jwt.map((each) => {
    const { username, groups, uid, extra } = each.claimMappings
    const { url, discoveryURL, certificateAuthority, audiences } = each.issuer
    const [groupSource, uidSource] = [sourceOf(groups), sourceOf(uid)]
    const ofClaims = each.claimValidationRules.map((rule) => rule)
    return {
      issuer: url,
      audiences,
      algorithms: signingAlgorithms,
      ...(isSaid(discoveryURL) ? { discoveryUrl: discoveryURL } : {}),
      ...(isSaid(certificateAuthority) ? { authority: certificateAuthority } : {}),
      username: sourceOf(username)!,
      ...(groupSource === undefined ? {} : { groups: groupSource }),
      ...(uidSource === undefined ? {} : { uid: uidSource }),
      extra: extra.map((one) => ({ key: one.key, program: programOf(one.valueExpression, 'claims') })),
      requiredClaims: Object.fromEntries(
        ofClaims.flatMap(({ claim, requiredValue = '' }) => (isSaid(claim) ? [[claim, requiredValue]] : [])),
      ),
      claimRules: ofClaims.flatMap(({ expression, message = '' }) =>
        isSaid(expression) ? [{ program: programOf(expression, 'claims'), message }] : [],
      ),
      userRules: each.userValidationRules.map((rule) => ({
        program: programOf(rule.expression, 'user'),
        message: rule.message ?? '',
      })),
    }
  })
}

function sourceOf(
  mapping:
    | {
        readonly claim?: string | undefined
        readonly prefix?: string | undefined
        readonly expression?: string | undefined
      }
    | undefined,
): ClaimSource | undefined {
  if (isSaid(mapping?.expression)) return { program: programOf(mapping.expression, 'claims') }
  return isSaid(mapping?.claim) ? { claim: mapping.claim, prefix: mapping.prefix ?? '' } : undefined
}

/** An expression in which nothing was found wrong. */
function programOf(expression: string, about: 'claims' | 'user'): Program {
  const result = compileClaims(expression, about, false)
  if ('problem' in result) throw new Error(result.problem)
  return result.program
}
