import { nodes, type Node } from '#api/core/v1/node.ts'
import type { Taint } from '#api/core/v1/scheduling.ts'
import type { Report } from '#machinery/validate/report.ts'
import { labelValueProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import { olderBlockWarnings } from '#resources/addresses.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkResourceAmounts } from '#resources/quantities.ts'
import { goForm } from '#resources/goForm.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

const roleLabel = 'node-role.kubernetes.io/'
const namedRoleLabel = 'kubernetes.io/role'

/** Nodes: the machines that run pods. */
export const nodeStrategy: Strategy<Node> = {
  resource: nodes,
  reserved: ['status'],
  createsReserved: true,
  unconditionalUpdate: true,
  generation: false,
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
  columns: [
    nameColumn,
    { name: 'Status', description: 'Whether the node is ready, and whether it takes new pods.', value: statusText },
    {
      name: 'Roles',
      description: 'What the node is for, by its role labels.',
      value: (node) => rolesOf(node).join(',') || '<none>',
    },
    ageColumn,
    {
      name: 'Version',
      description: 'Version of the kubelet.',
      value: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
    },
    {
      name: 'Internal-IP',
      wide: true,
      description: 'Address inside the cluster.',
      value: (node) => address(node, 'InternalIP'),
    },
    {
      name: 'External-IP',
      wide: true,
      description: 'Address from outside.',
      value: (node) => address(node, 'ExternalIP'),
    },
    {
      name: 'OS-Image',
      wide: true,
      description: 'Operating system.',
      value: ({ status }) => known(status?.nodeInfo?.osImage),
    },
    {
      name: 'Kernel-Version',
      wide: true,
      description: 'Kernel.',
      value: ({ status }) => known(status?.nodeInfo?.kernelVersion),
    },
    {
      name: 'Container-Runtime',
      wide: true,
      description: 'What runs the containers, with its version.',
      value: ({ status }) => known(status?.nodeInfo?.containerRuntimeVersion),
    },
  ],
  subresources: { status: statusSubresource, proxy: { verbs: ['connect'] } },
  default(node) {
    node.spec ??= {}
    const { spec, status } = node
    // Where the two differ, clients that know only the older field are believed.
    if ((spec.podCIDR ?? '') !== '' && spec.podCIDR !== spec.podCIDRs?.[0]) spec.podCIDRs = [spec.podCIDR!]
    else if (spec.podCIDRs?.[0] !== undefined) spec.podCIDR = spec.podCIDRs[0]
    if (status?.capacity !== undefined) {
      status.allocatable ??= {}
      for (const [name, amount] of Object.entries(status.capacity)) status.allocatable[name] ??= amount
    }
  },
  warnings: ({ spec }) => [
    ...(spec.configSource === undefined ? [] : ['spec.configSource: the feature is removed']),
    ...((spec.externalID ?? '') === ''
      ? []
      : ['spec.externalID: this field is deprecated, and is unused by Kubernetes']),
    ...(spec.podCIDRs ?? []).flatMap((cidr, index) => olderBlockWarnings(cidr, `spec.podCIDRs[${index}]`)),
  ],
  validate({ spec, status }, old, report) {
    checkTaints(spec.taints ?? [], report.at('metadata', 'taints'))
    checkResourceAmounts(status?.capacity, report.at('status', 'capacity'))
    checkResourceAmounts(status?.allocatable, report.at('status', 'allocatable'))
    for (const [index, cidr] of (spec.podCIDRs ?? []).entries()) {
      if (!isCidr(cidr)) report.at('spec', 'podCIDRs', index).invalid(spec.podCIDRs, 'must be valid CIDR')
    }
    if (old === undefined) return checkFamilies(spec.podCIDRs ?? [], report.at('spec', 'podCIDRs'))
    if ((old.spec.podCIDRs ?? []).length > 0 && !sameJson(spec.podCIDRs, old.spec.podCIDRs)) {
      report.at('spec', 'podCIDRs').forbidden('node updates may not change podCIDR except from "" to valid')
    }
    if ((old.spec.providerID ?? '') !== '' && spec.providerID !== old.spec.providerID) {
      report.at('spec', 'providerID').forbidden('node updates may not change providerID except from "" to valid')
    }
  },
}

const taintEffects: readonly string[] = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

function checkTaints(taints: readonly Taint[], report: Report): void {
  const seen = new Set<string>()
  for (const [index, taint] of taints.entries()) {
    const place = report.at(index)
    place.at('key').invalidBecause(taint.key, qualifiedNameProblems(taint.key))
    place.at('value').invalidBecause(taint.value ?? '', labelValueProblems(taint.value ?? ''))
    const effect = taint.effect as string | undefined
    if (effect === undefined || effect === '') place.at('effect').required()
    else if (!taintEffects.includes(effect)) place.at('effect').notSupported(effect, taintEffects)
    else if (seen.has(`${taint.key}:${effect}`)) {
      place.problem(
        'Duplicate',
        'taints must be unique by key and effect pair',
        goForm('io.k8s.api.core.v1.Taint', taint),
      )
    }
    seen.add(`${taint.key}:${effect}`)
  }
}

/** An IPv4 or IPv6 range in CIDR notation; the shape alone, without the address's own rules. */
function isCidr(text: string): boolean {
  return /^(\d{1,3}(\.\d{1,3}){3}\/([0-9]|[12][0-9]|3[0-2])|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\/\d{1,3})$/.test(text)
}

/** One block, or one of each family. */
function checkFamilies(blocks: readonly string[], report: Report): void {
  const isOfBoth = blocks.length === 2 && blocks[0]!.includes(':') !== blocks[1]!.includes(':')
  if (blocks.length > 1 && !isOfBoth) report.invalid(blocks, 'may specify no more than one CIDR for each IP family')
}

function statusText({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return spec?.unschedulable === true ? `${word},SchedulingDisabled` : word
}

function rolesOf({ metadata }: Node): string[] {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(roleLabel) && key.length > roleLabel.length) roles.add(key.slice(roleLabel.length))
    else if (key === namedRoleLabel && value !== '') roles.add(value)
  }
  return [...roles].toSorted()
}

function address({ status }: Node, type: string): string {
  return status?.addresses?.find((one) => one.type === type)?.address ?? '<none>'
}

function known(text: string | undefined): string {
  return text === undefined || text === '' ? '<unknown>' : text
}
