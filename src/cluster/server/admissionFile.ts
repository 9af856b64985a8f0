// The file of kube-apiserver's `--admission-control-config-file`: configurations of plugins, each in it or in a file of
// its own.
import { dirname, resolve } from 'node:path'
import {
  listOf,
  members,
  oneOf,
  required,
  SettingPlace,
  text,
  type Setting,
  type SettingValue,
} from '#lib/settings/settings.ts'
import { readSettings, SettingsError } from '#lib/settings/settingsFile.ts'
import type { AdmissionConfiguration } from '#server/admission/plugins.ts'
import { podSecurityConfigurationOf, podSecuritySettings } from '#server/admission/podSecurity/configuration.ts'
import { resourceQuotaSettings } from '#server/admission/resourceQuota/limits.ts'

/** Every plugin that takes a configuration, and what becomes of it. */
const configurable: Readonly<
  Record<string, { readonly settings: Setting<any>; readonly use: (read: any) => AdmissionConfiguration }>
> = {
  PodSecurity: {
    settings: podSecuritySettings,
    use: (read: NonNullable<SettingValue<typeof podSecuritySettings>>) => ({
      podSecurity: podSecurityConfigurationOf(read),
    }),
  },
  ResourceQuota: {
    settings: resourceQuotaSettings,
    use: (read: NonNullable<SettingValue<typeof resourceQuotaSettings>>) => ({
      limitedResources: read.limitedResources,
    }),
  },
}

/** A configuration as it stands in the file; what it means depends on the plugin beside it. */
const anything: Setting<unknown> = {
  about: 'What the plugin takes.',
  shape: 'the configuration of the plugin',
  schema: { type: 'object' },
  absent: () => undefined,
  read: (value) => value,
}

const fileSettings = members('Configurations of admission plugins.', {
  apiVersion: required(
    oneOf({ about: 'Always the same.' }, ['apiserver.config.k8s.io/v1', 'apiserver.k8s.io/v1alpha1']),
  ),
  kind: required(oneOf({ about: 'Always the same.' }, ['AdmissionConfiguration'])),
  plugins: listOf(
    { about: 'One for each plugin.' },
    members(
      'One of them.',
      {
        name: required(oneOf({ about: 'The plugin.' }, Object.keys(configurable))),
        path: text({ about: 'A file with the configuration, seen from this one.' }),
        configuration: anything,
      },
      ({ name, path, configuration }, place) => {
        if (configuration !== undefined && path !== undefined && path !== '') {
          place.at('path').note('cannot be said together with configuration')
        } else if (configuration !== undefined) readAs(name, configuration, place.at('configuration'))
      },
    ),
  ),
})

function readAs(name: string, value: unknown, place: SettingPlace): AdmissionConfiguration {
  const entry = Object.hasOwn(configurable, name) ? configurable[name] : undefined
  return entry === undefined ? {} : entry.use(entry.settings.read(value, place) ?? {})
}

/** Reads the file at `path` and those that it names. Throws SettingsError. */
export async function readAdmissionFile(
  readFile: (path: string) => Promise<string>,
  path: string,
): Promise<AdmissionConfiguration> {
  const { plugins = [] } = readSettings(fileSettings, await readFile(path), path)
  const names = plugins.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new SettingsError(`${path}: plugins has ${JSON.stringify(twice)} twice`)
  const parts: AdmissionConfiguration[] = []
  for (const { name, path: own, configuration } of plugins) {
    const { settings, use } = configurable[name]!
    if (configuration !== undefined) {
      // It was read once already, to find what is wrong in it.
      parts.push(use(settings.read(configuration, new SettingPlace([]))))
    } else if (own !== undefined && own !== '') {
      const file = resolve(dirname(path), own)
      parts.push(use(readSettings(settings, await readFile(file), file)))
    }
  }
  return Object.assign({}, ...parts) as AdmissionConfiguration
}
