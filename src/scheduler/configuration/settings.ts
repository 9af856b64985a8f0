// The file of `kube-scheduler --config`: a KubeSchedulerConfiguration of kubescheduler.config.k8s.io/v1, in its own shape.
import {
  defaulting,
  duration,
  listOf,
  members,
  oneOf,
  required,
  text,
  wholeNumber,
  yesOrNo,
  type Setting,
  type SettingPlace,
} from '#lib/settings/settings.ts'
import { argumentSettings } from './arguments.ts'

/** Every plugin that a profile may name. The last three are no rules of their own here, but can be turned on and off. */
export const pluginNames = [
  'SchedulingGates',
  'NodeUnschedulable',
  'NodeName',
  'TaintToleration',
  'NodeAffinity',
  'NodePorts',
  'NodeResourcesFit',
  'VolumeRestrictions',
  'NodeVolumeLimits',
  'VolumeBinding',
  'VolumeZone',
  'PodTopologySpread',
  'InterPodAffinity',
  'NodeResourcesBalancedAllocation',
  'ImageLocality',
  'DefaultPreemption',
  'DefaultBinder',
  'PrioritySort',
] as const

export type PluginName = (typeof pluginNames)[number]

/** Where a plugin can take part. */
export const extensionPoints = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const

export type ExtensionPoint = (typeof extensionPoints)[number]

const pluginName = (about: string) => oneOf({ about }, pluginNames)

const pluginSet = members(
  'Which plugins take part.',
  {
    enabled: defaulting(
      listOf(
        { about: 'Beside those that usually do.' },
        members('A plugin.', {
          name: required(pluginName('Which.')),
          weight: wholeNumber({ about: 'How much its score counts.', least: 0, most: 2_147_483_647 }),
        }),
      ),
      [],
    ),
    disabled: defaulting(
      listOf(
        { about: 'Of those that usually do.' },
        members('A plugin.', { name: required(oneOf({ about: 'Which; "*" is all.' }, [...pluginNames, '*'])) }),
      ),
      [],
    ),
  },
  ({ enabled, disabled }, place) => {
    for (const [list, at] of [
      [enabled, place.at('enabled')],
      [disabled, place.at('disabled')],
    ] as const) {
      const names = list.map(({ name }) => name)
      for (const [i, name] of names.entries()) {
        if (names.indexOf(name) !== i) at.at(i).at('name').wrong(name, 'it stands there already')
      }
    }
  },
)

const pointSettings = Object.fromEntries(extensionPoints.map((point) => [point, pluginSet])) as Record<
  ExtensionPoint,
  typeof pluginSet
>

/** Arguments as they stand in the file; what they mean depends on the name beside them. */
const anyArguments: Setting<unknown> = {
  about: 'What the plugin takes.',
  shape: 'the arguments of the plugin',
  schema: { type: 'object' },
  absent: () => undefined,
  read: (value) => value,
}

const configurable = Object.keys(argumentSettings) as (keyof typeof argumentSettings)[]

const profile = members(
  'How pods of one scheduler name are placed.',
  {
    schedulerName: defaulting(
      text({
        about: 'What pods name in their schedulerName.',
        rule: (value) => (value === '' ? 'it must not be empty' : undefined),
      }),
      'default-scheduler',
    ),
    percentageOfNodesToScore: wholeNumber({ about: 'Without effect: every node is considered.', least: 0, most: 100 }),
    plugins: members('Which plugins take part, and where.', { multiPoint: pluginSet, ...pointSettings }),
    pluginConfig: defaulting(
      listOf(
        { about: 'Arguments of plugins.' },
        members(
          'Those of one.',
          { name: required(oneOf({ about: 'The plugin.' }, configurable)), args: anyArguments },
          ({ name, args }, place) => {
            if (configurable.includes(name)) argumentSettings[name].read(args ?? {}, place.at('args'))
          },
        ),
      ),
      [],
    ),
  },
  ({ pluginConfig, plugins }, place) => {
    const names = pluginConfig.map(({ name }) => name)
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) !== i) place.at('pluginConfig').at(i).at('name').wrong(name, 'it stands there already')
    }
    checkIndispensable(plugins ?? {}, place.at('plugins'))
  },
)

type PluginSets = Partial<Record<ExtensionPoint | 'multiPoint', PluginSet | undefined>>

interface PluginSet {
  readonly enabled: readonly { readonly name: PluginName; readonly weight: number | undefined }[]
  readonly disabled: readonly { readonly name: PluginName | '*' }[]
}

/** Pods have to be ordered and bound by someone. */
function checkIndispensable(plugins: PluginSets, place: SettingPlace): void {
  for (const [point, name] of [
    ['queueSort', 'PrioritySort'],
    ['bind', 'DefaultBinder'],
  ] as const) {
    const isOff = (set: PluginSet | undefined): boolean =>
      set !== undefined &&
      set.disabled.some((each) => each.name === name || each.name === '*') &&
      !set.enabled.some((each) => each.name === name)
    const turnsOn = plugins[point]?.enabled.some((each) => each.name === name) === true
    if (isOff(plugins[point])) place.at(point).note(`leaves no plugin; ${name} is the only one there is`)
    else if (isOff(plugins.multiPoint) && !turnsOn) {
      place.at('multiPoint').note(`leaves no plugin for ${point}; ${name} is the only one there is`)
    }
  }
}

const urlPrefix = text({
  about: 'Where it is reached; verbs are put behind it.',
  shape: 'an http or https URL',
  rule: (value) => (/^https?:\/\/[^\s/]+/.test(value) ? undefined : 'it must be an http or https URL'),
})

const base64 = (about: string) =>
  text({
    about,
    shape: 'PEM in base64',
    rule: (value) =>
      Buffer.from(value, 'base64').toString('latin1').includes('-----BEGIN') ? undefined : 'it must be PEM in base64',
  })

const extender = members(
  'A program that has a say in where pods go.',
  {
    urlPrefix: required(urlPrefix),
    filterVerb: text({ about: 'Put behind urlPrefix to ask which nodes will do.' }),
    prioritizeVerb: text({ about: 'The same for scores.' }),
    preemptVerb: text({ about: 'The same for which pods should go for another.' }),
    bindVerb: text({ about: 'The same for binding, in place of the scheduler.' }),
    weight: wholeNumber({ about: 'How much its scores count.', least: 1, most: 2_147_483_647 }),
    enableHTTPS: defaulting(yesOrNo({ about: 'Without authority any certificate will do.' }), false),
    tlsConfig: members(
      'How the two know each other.',
      {
        insecure: defaulting(yesOrNo({ about: 'Whether any certificate will do.' }), false),
        serverName: text({ about: "The name in the program's certificate." }),
        certFile: text({ about: "A file with the scheduler's certificate, as PEM." }),
        keyFile: text({ about: 'A file with its key, as PEM.' }),
        caFile: text({ about: "A file with the authority of the program's certificate, as PEM." }),
        certData: base64("The scheduler's certificate itself."),
        keyData: base64('Its key itself.'),
        caData: base64('The authority itself.'),
      },
      ({ insecure, caFile, caData, certFile, certData, keyFile, keyData }, place) => {
        if (insecure && (caFile ?? caData) !== undefined)
          place.at('insecure').note('cannot be true together with an authority')
        const [hasCertificate, hasKey] = [(certFile ?? certData) !== undefined, (keyFile ?? keyData) !== undefined]
        if (hasCertificate && !hasKey) place.at('keyFile').note('is missing; a certificate needs its key')
        if (hasKey && !hasCertificate) place.at('certFile').note('is missing; a key needs its certificate')
      },
    ),
    httpTimeout: defaulting(duration({ about: 'How long an answer may take.', least: 1 }), '5s'),
    nodeCacheCapable: defaulting(yesOrNo({ about: 'Whether it knows the nodes: it is told only their names.' }), false),
    managedResources: defaulting(
      listOf(
        { about: 'It is asked only about pods that want one of these; about all when there are none.' },
        members('A resource.', {
          name: required(
            text({
              about: 'Its name.',
              shape: 'the name of an extended resource such as example.com/gpu',
              rule: (value) =>
                value.includes('/') ? undefined : 'it must be the name of an extended resource such as example.com/gpu',
            }),
          ),
          ignoredByScheduler: defaulting(yesOrNo({ about: 'Whether nodes are not tested for it otherwise.' }), false),
        }),
      ),
      [],
    ),
    ignorable: defaulting(yesOrNo({ about: 'Whether pods are placed also while it cannot be reached.' }), false),
  },
  ({ prioritizeVerb = '', weight }, place) => {
    if (prioritizeVerb !== '' && weight === undefined) {
      place.at('weight').note('is missing; prioritizeVerb needs a whole number from 1 on')
    }
  },
)

const withoutEffect = (about: string): Setting<unknown> => ({
  about: `Without effect: ${about}`,
  shape: 'anything',
  schema: {},
  absent: () => undefined,
  read: (value) => value,
})

/** What files of Kubernetes may say and what means nothing here. */
export const ineffective = {
  parallelism: withoutEffect('decisions are made one after the other, in one thread.'),
  leaderElection: withoutEffect('there is one scheduler.'),
  clientConnection: withoutEffect('it runs in the process of the API server.'),
  enableProfiling: withoutEffect('there is no port of its own.'),
  enableContentionProfiling: withoutEffect('there is no port of its own.'),
  percentageOfNodesToScore: withoutEffect('every node is considered.'),
  delayCacheUntilActive: withoutEffect('it is always active.'),
} as const

/** The whole file. */
export const schedulerSettings = members(
  'A KubeSchedulerConfiguration.',
  {
    apiVersion: required(oneOf({ about: 'Always the same.' }, ['kubescheduler.config.k8s.io/v1'])),
    kind: required(oneOf({ about: 'Always the same.' }, ['KubeSchedulerConfiguration'])),
    profiles: defaulting(listOf({ about: 'One for each scheduler name.', least: 1 }, profile), [{}]),
    extenders: defaulting(listOf({ about: 'Asked one after the other.' }, extender), []),
    podInitialBackoffSeconds: defaulting(
      wholeNumber({
        about: 'How long a pod waits after its first failure; twice as long after each.',
        least: 1,
        most: 86_400,
      }),
      1,
    ),
    podMaxBackoffSeconds: defaulting(wholeNumber({ about: 'It never waits longer.', least: 1, most: 86_400 }), 10),
    ...ineffective,
  },
  ({ profiles, extenders, podInitialBackoffSeconds: first, podMaxBackoffSeconds: most }, place) => {
    const names = profiles.map(({ schedulerName }) => schedulerName)
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) === i) continue
      place.at('profiles').at(i).at('schedulerName').wrong(name, 'another profile has this name')
    }
    const binders = extenders.flatMap(({ bindVerb = '' }, i) => (bindVerb === '' ? [] : [i]))
    for (const i of binders.slice(1))
      place.at('extenders').at(i).at('bindVerb').note('is said twice; only one program can bind')
    if (most < first)
      place.at('podMaxBackoffSeconds').wrong(most, `it must be at least podInitialBackoffSeconds, ${first}`)
  },
)
