import type { Binding } from '#api/core/v1/binding.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodCondition } from '#api/core/v1/podStatus.ts'
import { withCondition } from '#machinery/conditions.ts'
import { conflict, success } from '#machinery/status.ts'
import { decodeKind } from '../decode.ts'
import { admitBody, writeOptions, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { thawTop } from '../objects.ts'
import { parseWriteOptions } from '../options.ts'
import { timeText } from '#machinery/time.ts'
import { updateObject } from '../registry/update.ts'
import { objectReply, type ServerReply } from '../request.ts'
import { checkIdentity, checkName } from './names.ts'
import { createReport, problemCauses } from '#machinery/validate/report.ts'
import { invalid } from '#machinery/status.ts'

/** Labels of a binding go to the pod where this plugin may have put them there. */
const topologyLabelsPlugin = 'PodTopologyLabels'

const bindingKind = { group: '', version: 'v1', kind: 'Binding' }

/** Gives a pod its node, once: what the scheduler does in the end. */
export async function bindingEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  checkName(info.name)
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const binding = (await decodeKind(exchange, bindingKind, query.fieldValidation)) as Binding
  checkIdentity(binding, kind, info.namespace, info.name)
  checkTarget(binding)
  await admitBody(exchange, kind, 'CREATE', bindingKind, binding, query.dryRun)
  const copiesLabels = server.registry.admission.plugins.some(({ name }) => name === topologyLabelsPlugin)
  await updateObject(
    server.registry,
    kind,
    {
      namespace: info.namespace,
      name: info.name,
      retryConflicts: true,
      isAdmitted: true,
      // Nobody owns the node of a pod.
      owners: 'stay',
      // What is bound was checked here; the rules of an update would refuse a change of the node.
      subresource: {
        name: 'binding',
        rules: { verbs: ['create'], sharesRest: true, prepare: () => {}, validate: () => {} },
      },
      change: (old) => bindPod(old as Pod, binding, kind, server.registry.clock.now(), copiesLabels),
    },
    writeOptions(exchange, query.dryRun),
  )
  return objectReply({ ...success({}), code: 201, details: undefined }, 201)
}

function checkTarget({ metadata, target }: Binding): void {
  const { report, problems } = createReport()
  if ((target.kind ?? '') !== '' && target.kind !== 'Node') {
    report.at('target', 'kind').notSupported(target.kind, ['Node', '<empty>'])
  }
  if ((target.name ?? '') === '') report.at('target', 'name').required()
  if (problems.length > 0) throw invalid({ group: '', kind: 'Binding' }, metadata.name, problemCauses(problems))
}

function bindPod(old: Pod, { metadata, target }: Binding, kind: Kind, now: number, copiesLabels: boolean): Pod {
  const refuse = (why: string): never => {
    throw conflict({ group: '', plural: 'pods/binding' }, old.metadata.name, why)
  }
  if (metadata.uid !== undefined && metadata.uid !== '' && metadata.uid !== old.metadata.uid) {
    throw conflict(
      kind.resource,
      old.metadata.name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${old.metadata.uid ?? ''}`,
    )
  }
  if (old.metadata.deletionTimestamp !== undefined) {
    refuse(`pod ${old.metadata.name} is being deleted, cannot be assigned to a host`)
  }
  if ((old.spec.nodeName ?? '') !== '') {
    refuse(`pod ${old.metadata.name} is already assigned to node "${old.spec.nodeName}"`)
  }
  if ((old.spec.schedulingGates?.length ?? 0) > 0) {
    refuse(`pod ${old.metadata.name} has non-empty .spec.schedulingGates`)
  }
  const pod = thawTop(old)
  pod.spec = { ...old.spec, nodeName: target.name! }
  if (metadata.annotations !== undefined) {
    pod.metadata.annotations = { ...pod.metadata.annotations, ...metadata.annotations }
  }
  if (copiesLabels && metadata.labels !== undefined) {
    pod.metadata.labels = { ...pod.metadata.labels, ...metadata.labels }
  }
  const scheduled: PodCondition = { type: 'PodScheduled', status: 'True', lastTransitionTime: timeText(now) }
  pod.status = { ...old.status, conditions: [...withCondition(old.status?.conditions, scheduled)] }
  return pod
}
