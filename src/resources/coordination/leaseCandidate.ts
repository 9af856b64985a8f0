import { leaseCandidates as alphaCandidates } from '#api/coordination/v1alpha2/leaseCandidate.ts'
import { compareVersions, readVersion, zeroVersion } from '#lib/semanticVersion.ts'
import {
  leaseCandidates,
  type LeaseCandidate,
  type LeaseCandidateSpec,
} from '#api/coordination/v1beta1/leaseCandidate.ts'
import { configKeyProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'

/** Candidates for leases that the control plane assigns. */
export const leaseCandidateStrategy: Strategy<LeaseCandidate> = {
  resource: leaseCandidates,
  createOnUpdate: true,
  versions: [{ resource: alphaCandidates }],
  nameRule: configKeyProblems,
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
  const emulation = readVersion(emulationVersion)
  if (emulationVersion !== '' && emulation === undefined) {
    report.at('emulationVersion').invalid(emulationVersion, 'must be a valid semantic version')
  }
  const binary = readVersion(binaryVersion)
  if (binaryVersion === '') report.at('binaryVersion').required()
  else if (binary === undefined) report.at('binaryVersion').invalid(binaryVersion, 'must be a valid semantic version')
  if (
    binaryVersion !== '' &&
    emulationVersion !== '' &&
    compareVersions(binary ?? zeroVersion, emulation ?? zeroVersion) < 0
  ) {
    report.at('binaryVersion').invalid(binaryVersion, 'must be greater than or equal to `emulationVersion`')
  }
  if (strategy === '') {
    report.at('strategy').required()
    return
  }
  if (strategy === oldest && compareVersions(emulation ?? zeroVersion, zeroVersion) === 0) {
    report.at('emulationVersion').required(`must be specified when \`strategy\` is '${oldest}'`)
  }
  // Upstream names the field twice.
  const place = report.at('strategy', 'strategy')
  if (strategy.includes('/')) place.invalidBecause(strategy, qualifiedNameProblems(strategy))
  else if (strategy !== oldest) place.notSupported(strategy, [oldest])
}

const oldest = 'OldestEmulationVersion'
