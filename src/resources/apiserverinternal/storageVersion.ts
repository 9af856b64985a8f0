import {
  storageVersions,
  type ServerStorageVersion,
  type StorageVersion,
  type StorageVersionStatus,
} from '#api/apiserverinternal/v1alpha1/storageVersion.ts'
import { dns1035LabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

/** In which versions each of several API servers writes and reads. */
export const storageVersionStrategy: Strategy<StorageVersion> = {
  resource: storageVersions,
  nameRule: 'path-segment',
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
  validate({ metadata: { name }, status = {} }, _old, report) {
    const place = report.at('metadata', 'name')
    const dot = name.lastIndexOf('.')
    if (dot < 0) place.invalid(name, 'name must be in the form of <group>.<resource>')
    else {
      for (const problem of dnsSubdomainProblems(name.slice(0, dot)))
        place.invalid(name, `the group segment ${problem}`)
      for (const problem of dns1035LabelProblems(name.slice(dot + 1))) {
        place.invalid(name, `the resource segment ${problem}`)
      }
    }
    checkStatus(status, report.at('status'))
  },
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
    const one = report.at('conditions', index)
    if (conditions.findIndex(({ type }) => type === condition.type) < index) one.at('type').duplicate(condition.type)
    if ((condition.type ?? '') === '') one.at('type').required()
    if (!['False', 'True', 'Unknown'].includes(condition.status)) {
      one.at('status').notSupported(condition.status, ['False', 'True', 'Unknown'])
    }
    if ((condition.reason ?? '') === '') one.at('reason').required()
  }
}

/** `v1`, or a group, a slash and a version. */
function versionProblems(apiVersion: string): string[] {
  const parts = apiVersion.split('/')
  if (apiVersion === '') return ['must not be empty']
  if (parts.length > 2) return [`an apiVersion is a version, or a group and a version separated by '/'`]
  const [version = '', group] = parts.toReversed()
  return [...(group === undefined ? [] : dnsSubdomainProblems(group)), ...dns1035LabelProblems(version)]
}

function checkServer(server: ServerStorageVersion, report: Report): void {
  const { apiServerID = '', encodingVersion = '', decodableVersions = [], servedVersions = [] } = server
  report.at('apiServerID').invalidBecause(apiServerID, dnsSubdomainProblems(apiServerID))
  const checkVersion = (version: string, place: Report): void => {
    const problems = versionProblems(version)
    if (problems.length > 0) place.invalid(version, problems.join(','))
  }
  checkVersion(encodingVersion, report.at('encodingVersion'))
  for (const [index, version] of decodableVersions.entries())
    checkVersion(version, report.at('decodableVersions', index))
  for (const [index, version] of servedVersions.entries()) {
    const place = report.at('servedVersions', index)
    checkVersion(version, place)
    if (!decodableVersions.includes(version)) {
      const decodable = `[${decodableVersions.join(' ')}]`
      place.invalid(
        version,
        `individual served version : ${version} must be included in decodableVersions : ${decodable}`,
      )
    }
  }
  if (!decodableVersions.includes(encodingVersion)) {
    report
      .at('decodableVersions')
      .invalid(decodableVersions, `decodableVersions must include encodingVersion ${encodingVersion}`)
  }
}
