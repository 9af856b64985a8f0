import type { MetricRegistry } from '#lib/metrics.ts'
import { cronJobMetrics } from './cronJob/metrics.ts'
import { endpointSliceMetrics } from './endpointSlice/metrics.ts'
import { mirroringMetrics } from './endpointSliceMirroring/metrics.ts'
import { ephemeralMetrics } from './ephemeralVolume/metrics.ts'
import { collectorMetrics } from './garbageCollector/metrics.ts'
import { autoscalerMetrics } from './horizontalPodAutoscaler/metrics.ts'
import { jobMetrics } from './job/metrics.ts'
import { rangeMetrics } from './nodeIpam/metrics.ts'
import { nodeMetrics } from './nodeLifecycle/metrics.ts'
import { volumeMetrics } from './persistentVolumeBinder/metrics.ts'
import { podCollectorMetrics } from './podGarbageCollector/metrics.ts'
import { replicaMetrics } from './replicaSet/metrics.ts'
import { rootCertificateMetrics } from './rootCertificate/metrics.ts'
import { taintEvictionMetrics } from './taintEviction/metrics.ts'
import { ttlMetrics } from './ttlAfterFinished/metrics.ts'

/** What controllers count beside their queues. */
export type ControllerMetrics = ReturnType<typeof controllerMetrics>

/** Adds all of it to a registry, once: each is described in the folder of the controller that counts it. */
export function controllerMetrics(registry: MetricRegistry) {
  return {
    autoscalers: autoscalerMetrics(registry),
    collector: collectorMetrics(registry),
    cronJobs: cronJobMetrics(registry),
    endpointSlices: endpointSliceMetrics(registry),
    ephemeralVolumes: ephemeralMetrics(registry),
    finishedJobs: ttlMetrics(registry),
    jobs: jobMetrics(registry),
    mirroring: mirroringMetrics(registry),
    nodes: nodeMetrics(registry),
    podCollector: podCollectorMetrics(registry),
    ranges: rangeMetrics(registry),
    replicas: replicaMetrics(registry),
    rootCertificates: rootCertificateMetrics(registry),
    taintEviction: taintEvictionMetrics(registry),
    volumes: volumeMetrics(registry),
  }
}
