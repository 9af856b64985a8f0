import type { Pod } from '#api/core/v1/pod.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { quoteString, type Report } from '#machinery/validate/report.ts'
import { difference } from '#resources/difference.ts'
import { checkPodSpec } from './rules.ts'
import { mirrorAnnotation } from './update.ts'

/** The rules of adding containers to debug a pod (KEP-277): those that are there stay as they are. */
export function checkEphemeralUpdate(pod: Pod, old: Pod, report: Report): void {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    return report.at('').forbidden('static pods do not support ephemeral containers')
  }
  checkPodSpec(pod.spec, old.spec, report.at('spec'), { isPod: true })
  const place = report.at('spec', 'ephemeralContainers')
  const now = new Map((pod.spec.ephemeralContainers ?? []).map((container) => [container.name, container]))
  for (const before of old.spec.ephemeralContainers ?? []) {
    const container = now.get(before.name)
    const which = `existing ephemeral containers ${quoteString(before.name)} may not be`
    if (container === undefined) place.forbidden(`${which} removed\n`)
    else if (!sameJson(container, before)) {
      place.forbidden(`${which} changed\n${difference(before, container)}`)
    }
  }
}
