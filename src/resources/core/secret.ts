import { secrets, type Secret } from '#api/core/v1/secret.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { keyPairProblem } from './keyPair.ts'
import { base64Bytes, checkKeys, checkTotalSize } from './configData.ts'
import { checkImmutable } from '#resources/rules.ts'
import { explainJson } from '#lib/encoding/jsonScan.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Strategy } from '#server/strategy.ts'

/** The keys that secrets of a known type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
}

const accountNameAnnotation = 'kubernetes.io/service-account.name'

/** Secrets: what only some may read, as bytes by key. */
export const secretStrategy: Strategy<Secret> = {
  resource: secrets,
  unconditionalUpdate: true,
  generation: false,
  selectableFields: { type: ({ type }) => type ?? '' },
  columns: [
    nameColumn,
    {
      name: 'Type',
      description: 'What the secret is for, as the keys that it must have.',
      value: ({ type }) => type ?? '',
    },
    { name: 'Data', description: 'Number of keys.', value: ({ data }) => Object.keys(data ?? {}).length },
    ageColumn,
  ],
  default(secret) {
    secret.type ||= 'Opaque'
  },
  prepare(secret) {
    // Texts are a convenience of writers: they are stored as bytes and never shown again.
    if (secret.stringData === undefined) return
    secret.data ??= {}
    for (const [key, text] of Object.entries(secret.stringData)) secret.data[key] = base64Of(text)
    delete secret.stringData
  },
  warnings: ({ type, data = {} }) => {
    if (type !== 'kubernetes.io/tls') return []
    const problem = keyPairProblem(textOf(data['tls.crt']), textOf(data['tls.key']))
    return problem === undefined ? [] : [problem]
  },
  validate(secret, old, report) {
    const { data = {}, type = 'Opaque', immutable } = secret
    checkKeys(Object.keys(data), report.at('data'))
    checkTotalSize(Object.values(data).map(base64Bytes), report.at('data'))
    checkType(secret, report)
    if (old === undefined) return
    checkImmutable(report.at('type'), type, old.type)
    if (old.immutable !== true) return
    if (immutable !== true) report.at('immutable').forbidden('field is immutable when `immutable` is set')
    if (!sameJson(data, old.data ?? {})) report.at('data').forbidden('field is immutable when `immutable` is set')
  },
}

function checkType({ type = '', data = {}, metadata }: Secret, report: Report): void {
  if (type === 'kubernetes.io/service-account-token' && (metadata.annotations?.[accountNameAnnotation] ?? '') === '') {
    report.at('metadata', 'annotations').key(accountNameAnnotation).required()
  }
  const place = report.at('data')
  if (type === 'kubernetes.io/basic-auth' && !Object.hasOwn(data, 'username') && !Object.hasOwn(data, 'password')) {
    place.key('username').required()
    place.key('password').required()
  }
  for (const key of requiredKeys[type] ?? []) if (!Object.hasOwn(data, key)) place.key(key).required()
  for (const key of ['.dockercfg', '.dockerconfigjson']) {
    if (!(requiredKeys[type] ?? []).includes(key) || !Object.hasOwn(data, key)) continue
    const text = new TextDecoder().decode(Uint8Array.from(atob(data[key]!), (c) => c.charCodeAt(0)))
    try {
      JSON.parse(text)
    } catch {
      // What the parser of this language says shows a part of the text.
      place.key(key).invalid('<secret contents redacted>', explainJson(text))
    }
  }
}

const textOf = (encoded = ''): string => Buffer.from(encoded, 'base64').toString('latin1')

function base64Of(text: string): string {
  let binary = ''
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary)
}
