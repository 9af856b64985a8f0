import { readSettings } from '#lib/settings/settingsFile.ts'
import { SettingPlace, type SettingValue } from '#lib/settings/settings.ts'
import { withoutAbsent, type WithoutAbsent } from '#lib/settings/withoutAbsent.ts'
import { argumentSettings } from './arguments.ts'
import { ineffective, schedulerSettings } from './settings.ts'

type FileSettings = WithoutAbsent<NonNullable<SettingValue<typeof schedulerSettings>>>
type FileProfile = FileSettings['profiles'][number]

type ArgumentsOf<Name extends keyof typeof argumentSettings> = WithoutAbsent<
  NonNullable<SettingValue<(typeof argumentSettings)[Name]>>
>

/** What plugins are told, by their names. */
export type ConfiguredArguments = { readonly [Name in keyof typeof argumentSettings]?: ArgumentsOf<Name> }

/** A profile, as the file says it. */
export interface ProfileConfiguration extends Pick<FileProfile, 'schedulerName' | 'plugins'> {
  readonly arguments: ConfiguredArguments
}

export type ExtenderConfiguration = FileSettings['extenders'][number]

/** What a KubeSchedulerConfiguration comes to. */
export interface SchedulerConfiguration {
  readonly profiles: readonly ProfileConfiguration[]
  readonly extenders: readonly ExtenderConfiguration[]
  /** In milliseconds. */
  readonly backoff: { readonly first: number; readonly most: number }
  /** Settings that were said and mean nothing here. */
  readonly withoutEffect: readonly string[]
}

/** Reads the text of a KubeSchedulerConfiguration (YAML or JSON); `name` is the file's, for people. Throws SettingsError. */
export function readSchedulerConfiguration(content: string, name: string): SchedulerConfiguration {
  const said = withoutAbsent(readSettings(schedulerSettings, content, name)) as FileSettings
  return {
    profiles: said.profiles.map(({ schedulerName, plugins, pluginConfig }) => ({
      schedulerName,
      ...(plugins === undefined ? {} : { plugins }),
      // They were read once already, to find what is wrong in them.
      arguments: Object.fromEntries(
        pluginConfig.map(({ name: plugin, args }) => [
          plugin,
          withoutAbsent(argumentSettings[plugin].read(args ?? {}, new SettingPlace([]))),
        ]),
      ),
    })),
    extenders: said.extenders,
    backoff: { first: said.podInitialBackoffSeconds * 1_000, most: said.podMaxBackoffSeconds * 1_000 },
    withoutEffect: [
      ...Object.keys(ineffective).filter((each) => said[each as keyof typeof ineffective] !== undefined),
      ...said.profiles.flatMap(({ percentageOfNodesToScore }, i) =>
        percentageOfNodesToScore === undefined ? [] : [`profiles[${i}].percentageOfNodesToScore`],
      ),
    ],
  }
}
