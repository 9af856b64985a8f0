import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Gauge, MetricRegistry } from '#lib/metrics.ts'
import { classOfClaim, classOfVolume } from '#machinery/volumeBinding.ts'

/** What volumes there are when somebody reads. */
export interface BoundObjects {
  volumes(): readonly PersistentVolume[]
  claims(): readonly PersistentVolumeClaim[]
}

export function volumeMetrics(registry: MetricRegistry) {
  const gauge = (name: string, help: string, labels: readonly string[]): Gauge =>
    registry.gauge({ name: `pv_collector_${name}`, help, labels, stability: 'ALPHA' })
  const ofClaim = ['namespace', 'storage_class', 'volume_attributes_class']
  const total = gauge('total_pv_count', 'How many volumes there are', ['plugin_name', 'volume_mode'])
  const boundVolumes = gauge('bound_pv_count', 'How many volumes are bound', ['storage_class'])
  const freeVolumes = gauge('unbound_pv_count', 'How many volumes are not bound', ['storage_class'])
  const boundClaims = gauge('bound_pvc_count', 'How many claims are bound', ofClaim)
  const openClaims = gauge('unbound_pvc_count', 'How many claims are not bound', ofClaim)
  const all = [total, boundVolumes, freeVolumes, boundClaims, openClaims]
  const classes = registry.counter({
    name: 'retroactive_storageclass_total',
    help: 'How often a claim was given the default class after it had come',
    stability: 'ALPHA',
  })
  const classErrors = registry.counter({
    name: 'retroactive_storageclass_errors_total',
    help: 'How often a claim could not be given the default class after it had come',
    stability: 'ALPHA',
  })
  return {
    follow({ volumes, claims }: BoundObjects): void {
      registry.onRender(() => {
        for (const each of all) each.clear()
        for (const volume of volumes()) {
          total.with(pluginOf(volume), volume.spec.volumeMode ?? 'Filesystem').inc()
          const counts = volume.status?.phase === 'Bound' ? boundVolumes : freeVolumes
          counts.with(classOfVolume(volume)).inc()
        }
        for (const claim of claims()) {
          const counts = claim.status?.phase === 'Bound' ? boundClaims : openClaims
          const { namespace = '' } = claim.metadata
          counts.with(namespace, classOfClaim(claim), claim.spec.volumeAttributesClassName ?? '').inc()
        }
      })
    },
    /** A claim without a class was given one, or could not be. */
    classGiven(isDone: boolean): void {
      classes.inc()
      if (!isDone) classErrors.inc()
    },
  }
}

/** The plugins that kube-controller-manager v1.34 has; it knows no other volumes, those of a directory of a node neither. */
const plugins = ['hostPath', 'nfs', 'fc', 'iscsi'] as const
const pluginNames = { hostPath: 'host-path', nfs: 'nfs', fc: 'fc', iscsi: 'iscsi' } as const

function pluginOf({ spec }: PersistentVolume): string {
  if (spec.csi !== undefined) return `kubernetes.io/csi:${spec.csi.driver}`
  const plugin = plugins.find((each) => spec[each] !== undefined)
  return plugin === undefined ? 'N/A' : `kubernetes.io/${pluginNames[plugin]}`
}
