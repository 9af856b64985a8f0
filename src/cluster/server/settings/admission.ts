// What is changed in or refused of writes.
import { absolutePath, defaulting, listOf, members, oneOf } from '#lib/settings/settings.ts'
import { admissionPluginNames, optionalPlugins } from '#server/admission/plugins.ts'
import { podSecuritySettings } from '#server/admission/podSecurity/configuration.ts'
import { resourceQuotaSettings } from '#server/admission/resourceQuota/limits.ts'

const plugin = oneOf({ about: 'The name of a plugin.' }, admissionPluginNames())

export const admission = members(
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
