import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { base64Bytes, checkKeys, checkTotalSize, textBytes } from './configData.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Strategy } from '#server/strategy.ts'

/** Config maps: settings for pods, as texts and bytes by key. */
export const configMapStrategy: Strategy<ConfigMap> = {
  resource: configMaps,
  unconditionalUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Data',
      description: 'Number of keys.',
      value: ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    },
    ageColumn,
  ],
  validate({ data = {}, binaryData = {}, immutable }, old, report) {
    checkKeys(Object.keys(data), report.at('data'))
    for (const key of Object.keys(data)) {
      if (Object.hasOwn(binaryData, key))
        report.at('data').key(key).invalid(key, 'duplicate of key present in binaryData')
    }
    checkKeys(Object.keys(binaryData), report.at('binaryData'))
    checkTotalSize(
      [...Object.values(data).map(textBytes), ...Object.values(binaryData).map(base64Bytes)],
      // Upstream's path here is one empty step.
      report.key(''),
    )
    if (old?.immutable !== true) return
    if (immutable !== true) report.at('immutable').forbidden('field is immutable when `immutable` is set')
    if (!sameJson(data, old.data ?? {})) report.at('data').forbidden('field is immutable when `immutable` is set')
    if (!sameJson(binaryData, old.binaryData ?? {})) {
      report.at('binaryData').forbidden('field is immutable when `immutable` is set')
    }
  },
}
