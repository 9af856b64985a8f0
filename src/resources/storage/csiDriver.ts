import { csiDrivers, type CSIDriver, type CSIDriverSpec, type TokenRequest } from '#api/storage/v1/csiDriver.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkImmutable, checkOneOf } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'

/** CSI drivers: what Kubernetes is to do for each of them. */
export const csiDriverStrategy: Strategy<CSIDriver> = {
  resource: csiDrivers,
  generation: false,
  answersDeleted: true,
  columns: [
    nameColumn,
    {
      name: 'AttachRequired',
      type: 'boolean',
      description: 'Whether volumes are attached before they are mounted.',
      value: ({ spec }) => spec.attachRequired ?? true,
    },
    {
      name: 'PodInfoOnMount',
      type: 'boolean',
      description: 'Whether the driver is told about the pod.',
      value: ({ spec }) => spec.podInfoOnMount ?? false,
    },
    {
      name: 'StorageCapacity',
      type: 'boolean',
      description: 'Whether pods are placed by free capacity.',
      value: ({ spec }) => spec.storageCapacity ?? false,
    },
    {
      name: 'TokenRequests',
      description: 'Whom the tokens are for that the driver is given.',
      value: ({ spec }) => spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>',
    },
    {
      name: 'RequiresRepublish',
      type: 'boolean',
      description: 'Whether mounted volumes are published again and again.',
      value: ({ spec }) => spec.requiresRepublish ?? false,
    },
    {
      name: 'Modes',
      description: 'The kinds of volumes that the driver offers.',
      value: ({ spec }) => spec.volumeLifecycleModes?.join(',') || '<none>',
    },
    ageColumn,
  ],
  // Drivers have a generation only once something about them has changed.
  prepare(driver, old) {
    if (old === undefined || sameJson(driver.spec, old.spec)) return
    driver.metadata.generation = (old.metadata.generation ?? 0) + 1
  },
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkSpec(spec, place)
    if (old === undefined) return
    checkImmutable(place.at('attachedRequired'), spec.attachRequired, old.spec.attachRequired)
    checkImmutable(place.at('volumeLifecycleModes'), spec.volumeLifecycleModes, old.spec.volumeLifecycleModes)
  },
}

/** Seconds; drivers need not be asked more often. */
const shortestUpdatePeriod = 10

function checkSpec(spec: CSIDriverSpec, report: Report): void {
  checkOneOf(report.at('fsGroupPolicy'), ['File', 'None', 'ReadWriteOnceWithFSType'], spec.fsGroupPolicy)
  checkTokenRequests(spec.tokenRequests ?? [], report.at('tokenRequests'))
  for (const mode of spec.volumeLifecycleModes ?? []) {
    checkOneOf(report.at('volumeLifecycleModes'), ['Persistent', 'Ephemeral'], mode)
  }
  const { nodeAllocatableUpdatePeriodSeconds: period } = spec
  if (period !== undefined && period < shortestUpdatePeriod) {
    report
      .at('nodeAllocatableUpdatePeriodSeconds')
      .invalid(period, `must be greater than or equal to ${shortestUpdatePeriod} seconds`)
  }
}

function checkTokenRequests(requests: readonly TokenRequest[], report: Report): void {
  const audiences = new Set<string>()
  for (const [index, { audience = '', expirationSeconds: seconds }] of requests.entries()) {
    const place = report.at(index)
    if (audiences.has(audience)) {
      place.at('audience').duplicate(audience)
      continue
    }
    audiences.add(audience)
    if (seconds === undefined) continue
    const expiration = place.at('expirationSeconds')
    if (seconds < 600) expiration.invalid(seconds, 'may not specify a duration less than 10 minutes')
    if (seconds > 2 ** 32) expiration.invalid(seconds, 'may not specify a duration larger than 2^32 seconds')
  }
}
