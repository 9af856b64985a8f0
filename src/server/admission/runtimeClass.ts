import { runtimeClasses, type RuntimeClass } from '#api/node/v1/runtimeClass.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Toleration } from '#api/core/v1/scheduling.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { concerns, refusal, type AdmissionPlugin, type AdmissionRequest, type ClusterView } from './chain.ts'

/** Gives pods what their runtime class costs and where it can run (KEP-688). */
export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  admit(request, cluster) {
    if (request.operation !== 'CREATE' || !concerns(request, pods)) return undefined
    const name = (request.object as Pod).spec.runtimeClassName
    if (name === undefined) return undefined
    const found = cluster.get(runtimeClasses, '', name)
    if (found !== undefined) return setClass(request, found)
    // The cache may be a moment behind a class that was just created.
    return cluster.current().then(() => setClass(request, findClass(request, name, cluster)))
  },
  validate(request, cluster) {
    if (request.operation !== 'CREATE' || !concerns(request, pods)) return
    const { overhead = {}, runtimeClassName } = (request.object as Pod).spec
    const found = runtimeClassName === undefined ? undefined : findClass(request, runtimeClassName, cluster)
    if (found?.overhead !== undefined) checkOverhead(request, found)
    else if (Object.keys(overhead).length > 0) {
      throw refusal(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead')
    }
  },
}

function findClass(request: AdmissionRequest, name: string, cluster: ClusterView): RuntimeClass {
  const found = cluster.get(runtimeClasses, '', name)
  if (found === undefined) throw refusal(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`)
  return found
}

function checkOverhead(request: AdmissionRequest, { overhead }: RuntimeClass): void {
  const wanted = overhead?.podFixed ?? {}
  const given = (request.object as Pod).spec.overhead ?? {}
  const isSame =
    Object.keys(wanted).length === Object.keys(given).length &&
    Object.entries(wanted).every(([name, amount]) => {
      const own = ownValue(given, name)
      return own !== undefined && compareQuantities(own, amount) === 0
    })
  if (!isSame) throw refusal(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
}

function setClass(request: AdmissionRequest, found: RuntimeClass): void {
  const { spec } = request.object as Pod
  if (found.overhead !== undefined) {
    if (Object.keys(spec.overhead ?? {}).length > 0) checkOverhead(request, found)
    else if (found.overhead.podFixed !== undefined) spec.overhead = { ...found.overhead.podFixed }
  }
  const { nodeSelector, tolerations } = found.scheduling ?? {}
  for (const [key, value] of Object.entries(nodeSelector ?? {})) {
    const own = ownValue(spec.nodeSelector, key)
    if (own === undefined || own === value) continue
    throw refusal(
      request,
      `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
    )
  }
  if (nodeSelector !== undefined) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector }
  if (tolerations !== undefined) spec.tolerations = mergeTolerations([...(spec.tolerations ?? []), ...tolerations])
}

/** Leaves out tolerations that another one includes; of equal ones the first stays. */
function mergeTolerations(all: readonly Toleration[]): Toleration[] {
  const merged: Toleration[] = []
  for (const [index, each] of all.entries()) {
    if (merged.some((other) => includes(other, each))) continue
    if (all.slice(index + 1).some((other) => !sameJson(other, each) && includes(other, each))) continue
    merged.push({ ...each })
  }
  return merged
}

function includes(wide: Toleration, narrow: Toleration): boolean {
  if (sameJson(wide, narrow)) return true
  const isAnyKey = (wide.key ?? '') === '' && wide.operator === 'Exists'
  if ((narrow.key ?? '') !== (wide.key ?? '') && !isAnyKey) return false
  if ((wide.effect ?? '') !== '' && narrow.effect !== wide.effect) return false
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    if (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds) return false
  }
  if (wide.operator === 'Exists') return true
  return narrow.operator === 'Equal' && (narrow.value ?? '') === (wide.value ?? '')
}
