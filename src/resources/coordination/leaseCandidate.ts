import { leaseCandidates as alphaCandidates } from '#api/coordination/v1alpha2/leaseCandidate.ts'
import {
  leaseCandidates,
  type LeaseCandidate,
  type LeaseCandidateSpec,
} from '#api/coordination/v1beta1/leaseCandidate.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'

/** Candidates for leases that the control plane assigns. */
export const leaseCandidateStrategy: Strategy<LeaseCandidate> = {
  resource: leaseCandidates,
  versions: [{ resource: alphaCandidates }],
  generation: false,
  columns: [
    nameColumn,
    { name: 'LeaseName', description: 'The lease that is wanted.', value: ({ spec }) => spec.leaseName ?? '' },
    {
      name: 'BinaryVersion',
      description: 'The version of the program.',
      value: ({ spec }) => spec.binaryVersion ?? '',
    },
    {
      name: 'EmulationVersion',
      description: 'The version that the program behaves like.',
      value: ({ spec }) => spec.emulationVersion ?? '',
    },
    { name: 'Strategy', description: 'How the holder is chosen.', value: ({ spec }) => spec.strategy ?? '' },
    ageColumn,
  ],
  validate({ spec }, old, report) {
    checkSpec(spec, report.at('spec'))
    if (old !== undefined) checkImmutable(report.at('spec', 'leaseName'), spec.leaseName, old.spec.leaseName)
  },
}

function checkSpec(spec: LeaseCandidateSpec, report: Report): void {
  const { leaseName = '', binaryVersion = '', emulationVersion = '', strategy = '' } = spec
  if (leaseName === '') report.at('leaseName').required()
  if (binaryVersion === '') report.at('binaryVersion').required()
  const emulation = checkVersion(emulationVersion, report.at('emulationVersion'))
  const binary = checkVersion(binaryVersion, report.at('binaryVersion'))
  if (emulation !== undefined && binary !== undefined && isBelow(binary, emulation)) {
    report.at('binaryVersion').invalid(binaryVersion, 'must be greater than or equal to `emulationVersion`')
  }
  const place = report.at('strategy')
  const parts = strategy.split('/')
  if (strategy === '') place.required()
  else if (parts.length > 2) {
    place.invalid(strategy, 'must be a single value or a qualified name')
  } else if (parts.length === 2) place.invalidBecause(strategy, qualifiedNameProblems(strategy))
  else if (strategy !== 'OldestEmulationVersion') place.notSupported(strategy, ['OldestEmulationVersion'])
  else if (emulationVersion === '') {
    report.at('emulationVersion').required("must be specified when `strategy` is 'OldestEmulationVersion'")
  }
}

type Version = readonly [major: number, minor: number, patch: number]

/** Reads a semantic version; what is none is reported, and nothing is neither. */
function checkVersion(text: string, report: Report): Version | undefined {
  if (text === '') return undefined
  const number = '(0|[1-9][0-9]*)'
  const match = new RegExp(`^${number}\\.${number}\\.${number}(?:-[0-9A-Za-z.-]+)?(?:\\+[0-9A-Za-z.-]+)?$`).exec(text)
  if (match !== null) return [Number(match[1]), Number(match[2]), Number(match[3])]
  report.invalid(text, 'must be a valid semantic version')
  return undefined
}

function isBelow(version: Version, other: Version): boolean {
  const at = version.findIndex((part, index) => part !== other[index])
  return at >= 0 && version[at]! < other[at]!
}
