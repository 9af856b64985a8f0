// What an administrator decides about Pod Security, in the shape of `PodSecurityConfiguration` of the group
// pod-security.admission.config.k8s.io.
import { defaulting, listOf, members, oneOf, text, type Setting, type SettingValue } from '#lib/settings/settings.ts'
import { dnsLabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import { levels, readVersion, type Level, type LevelVersion, type Policy } from './policy.ts'

/** What holds for namespaces that say nothing, and who is not looked at. */
export interface PodSecurityConfiguration {
  readonly defaults: Policy
  readonly exemptions: {
    readonly usernames: readonly string[]
    readonly namespaces: readonly string[]
    readonly runtimeClasses: readonly string[]
  }
}

const anything: LevelVersion = { level: 'privileged', version: 'latest' }

/** Nothing is forbidden but where labels say so. */
export const openPodSecurity: PodSecurityConfiguration = {
  defaults: { enforce: anything, audit: anything, warn: anything },
  exemptions: { usernames: [], namespaces: [], runtimeClasses: [] },
}

const level = (what: string): Setting<Level> =>
  defaulting(oneOf({ about: `The level of namespaces without a label, ${what}.` }, levels), 'privileged')

const version = (of: string): Setting<string> =>
  defaulting(
    text({
      about: `Of which minor release the rules of ${of} are.`,
      shape: '"latest" or a version such as "v1.30"',
      schema: { pattern: '^(latest|v1\\.[0-9]+)$' },
      rule: (value) =>
        readVersion(value) === undefined ? 'it must be "latest" or a version such as "v1.30"' : undefined,
    }),
    'latest',
  )

const named = (about: string, of: string, problemsOf: (value: string) => readonly string[]) =>
  defaulting(listOf({ about }, text({ about: 'One of them.', shape: of, rule: (value) => problemsOf(value)[0] })), [])

/** The file's own names. */
export const podSecuritySettings = members(
  'Levels of the Pod Security Standards, as PodSecurityConfiguration has them.',
  {
    apiVersion: oneOf({ about: 'Said in files of their own.' }, [
      'pod-security.admission.config.k8s.io/v1',
      'pod-security.admission.config.k8s.io/v1beta1',
      'pod-security.admission.config.k8s.io/v1alpha1',
    ]),
    kind: oneOf({ about: 'Said in files of their own.' }, ['PodSecurityConfiguration']),
    defaults: defaulting(
      members('What holds in namespaces whose labels say nothing.', {
        enforce: level('by which pods are refused'),
        'enforce-version': version('enforce'),
        audit: level('by which the audit log is told of pods'),
        'audit-version': version('audit'),
        warn: level('by which clients are warned of pods'),
        'warn-version': version('warn'),
      }),
      {},
    ),
    exemptions: defaulting(
      members('Who and what is not looked at.', {
        usernames: named('Users whose pods are not looked at.', 'a user name', (value) =>
          value === '' ? ['it must not be empty'] : [],
        ),
        namespaces: named('Namespaces whose pods are not looked at.', 'a namespace', dnsLabelProblems),
        runtimeClasses: named('Runtime classes whose pods are not looked at.', 'a runtime class', dnsSubdomainProblems),
      }),
      {},
    ),
  },
)

/** What was read from a file as the plugin takes it. */
export function podSecurityConfigurationOf({
  defaults,
  exemptions,
}: NonNullable<SettingValue<typeof podSecuritySettings>>): PodSecurityConfiguration {
  const policy = (mode: keyof Policy): LevelVersion => ({
    level: defaults[mode],
    version: readVersion(defaults[`${mode}-version`])!,
  })
  return { defaults: { enforce: policy('enforce'), audit: policy('audit'), warn: policy('warn') }, exemptions }
}
