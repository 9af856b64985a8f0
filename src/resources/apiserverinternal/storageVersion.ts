import {
  storageVersions,
  type ServerStorageVersion,
  type StorageVersion,
  type StorageVersionStatus,
} from '#api/apiserverinternal/v1alpha1/storageVersion.ts'
import { dns1035LabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

/** In which versions each of several API servers writes and reads. */
export const storageVersionStrategy: Strategy<StorageVersion> = {
  resource: storageVersions,
  nameRule: nameProblems,
  reserved: ['status'],
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'CommonEncodingVersion',
      description: 'The version in which all servers write.',
      value: ({ status }) => status?.commonEncodingVersion ?? '<unset>',
    },
    {
      name: 'StorageVersions',
      description: 'The version in which each server writes.',
      value: ({ status }) => versionsText(status?.storageVersions ?? []),
    },
    ageColumn,
  ],
  subresources: {
    status: {
      ...statusAlone,
      validate: ({ status = {} }, _old, report) => checkStatus(status, report.at('status')),
    },
  },
}

/** A group and a resource with a dot between them. */
function nameProblems(name: string): string[] {
  const dot = name.lastIndexOf('.')
  if (dot < 0) return ['name must be in the form of <group>.<resource>']
  return [
    ...dnsSubdomainProblems(name.slice(0, dot)).map((problem) => `the group segment ${problem}`),
    ...dns1035LabelProblems(name.slice(dot + 1)).map((problem) => `the resource segment ${problem}`),
  ]
}

/** Names shown in a cell before the rest is only counted. */
const mostShown = 3

function versionsText(versions: readonly ServerStorageVersion[]): string {
  if (versions.length === 0) return '<unset>'
  const shown = versions
    .slice(0, mostShown)
    .map(({ apiServerID, encodingVersion }) => `${apiServerID}=${encodingVersion}`)
  const rest = versions.length - shown.length
  return shown.join(',') + (rest > 0 ? ` + ${rest} more...` : '')
}

function checkStatus(
  { storageVersions: versions = [], commonEncodingVersion, conditions = [] }: StorageVersionStatus,
  report: Report,
): void {
  for (const [index, server] of versions.entries()) {
    const place = report.at('storageVersions', index)
    const { apiServerID = '' } = server
    if (versions.findIndex((other) => other.apiServerID === apiServerID) < index) {
      place.at('apiServerID').duplicate(apiServerID)
    }
    checkServer(server, place)
  }
  const written = new Set(versions.map(({ encodingVersion }) => encodingVersion))
  const common = written.size === 1 ? [...written][0] : undefined
  const place = report.at('commonEncodingVersion')
  if (common === undefined && commonEncodingVersion !== undefined) {
    place.invalid(
      commonEncodingVersion,
      'should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet',
    )
  } else if (common !== undefined && commonEncodingVersion === undefined) {
    place.invalid(null, `the common encoding version is ${common}`)
  } else if (common !== commonEncodingVersion) {
    place.invalid(commonEncodingVersion, `the actual common encoding version is ${common}`)
  }
  for (const [index, condition] of conditions.entries()) {
    // Upstream names the conditions as if they were the status.
    const one = report.at(index)
    const { type = '', status = '', reason = '', message = '' } = condition
    const earlier = conditions.findLastIndex((other, at) => at < index && (other.type ?? '') === type)
    if (earlier >= 0) {
      const why = `the type of the condition is not unique, it also appears in conditions[${earlier}]`
      one.at('type').invalid(type, why)
    }
    one.at('type').invalidBecause(type, qualifiedNameProblems(type))
    one.at('status').invalidBecause(status, qualifiedNameProblems(status))
    if (reason === '') one.at('reason').required()
    if (message === '') one.at('message').required()
  }
}

/** `v1`, or a group, a slash and a version. */
function versionProblems(apiVersion: string): string[] {
  const parts = apiVersion.split('/')
  if (parts.length > 2) {
    return [
      "an apiVersion is a DNS-1035 label, which must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyVersion')",
    ]
  }
  const [version = '', group] = parts.toReversed()
  const empty = ['must be non-empty']
  const ofGroup = group === '' ? empty : group === undefined ? [] : dnsSubdomainProblems(group)
  const ofVersion = version === '' ? empty : dns1035LabelProblems(version)
  return [
    ...ofGroup.map((problem) => `group part: ${problem}`),
    ...ofVersion.map((problem) => `version part: ${problem}`),
  ]
}

function checkServer(server: ServerStorageVersion, report: Report): void {
  const { apiServerID = '', encodingVersion = '', decodableVersions = [], servedVersions = [] } = server
  report.at('apiServerID').invalidBecause(apiServerID, dnsSubdomainProblems(apiServerID))
  const checkVersion = (version: string, place: Report): void => {
    const problems = versionProblems(version)
    if (problems.length > 0) place.invalid(version, problems.join(','))
  }
  checkVersion(encodingVersion, report.at('encodingVersion'))
  const decodable = report.at('decodableVersions')
  for (const [index, version] of decodableVersions.entries()) checkVersion(version, decodable.at(index))
  if (!decodableVersions.includes(encodingVersion)) {
    const shown = server.decodableVersions ?? null
    decodable.invalid(shown, `decodableVersions must include encodingVersion ${encodingVersion}`)
  }
  for (const [index, version] of servedVersions.entries()) {
    const place = report.at('servedVersions', index)
    checkVersion(version, place)
    if (decodableVersions.includes(version)) continue
    const known = `[${decodableVersions.join(' ')}]`
    place.invalid(version, `individual served version : ${version} must be included in decodableVersions : ${known}`)
  }
}
