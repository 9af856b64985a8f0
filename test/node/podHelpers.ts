/** What tests of one real node do with pods. */
import { events, type Event } from '#api/core/v1/event.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { systemClock } from '#lib/clock.ts'
import { isReason } from '#machinery/status.ts'
import type { NodeFixture } from './kubeletFixture.ts'

export const namespace = 'default'

/** In milliseconds: no healthy machine needs so long, be it slow and busy. */
export const patience = 90_000

export const shell = (script: string) => ({ name: 'c', image: 'busybox:1.35', command: ['sh', '-c', script] })

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
export const isDone = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

export interface PodHelpers {
  create(name: string, spec: Partial<Pod['spec']>, metadata?: Partial<Pod['metadata']>): Promise<Pod>
  /** Follows the pod until it is as wanted. */
  until(name: string, what: string, isSo: (pod: Pod) => boolean): Promise<Pod>
  /** What the only container of a pod that runs once said last. */
  outcome(name: string, spec: Partial<Pod['spec']>): Promise<string>
  /**
   * Follows the events about the pod, each as `Reason: message` and the first one first, until they are as wanted: they are
   * written while the pod goes on.
   */
  untilEvents(name: string, what: string, isSo: (texts: readonly string[]) => boolean): Promise<readonly string[]>
  /** Deletes the pod and waits until it is gone. */
  remove(name: string): Promise<void>
}

export function podHelpers(node: () => NodeFixture): PodHelpers {
  const create: PodHelpers['create'] = (name, spec, metadata = {}) =>
    node().client.create(pods, {
      metadata: { name, namespace, ...metadata },
      spec: { nodeName: 'n1', terminationGracePeriodSeconds: 1, containers: [shell('sleep 600')], ...spec },
    })
  /** Shows every object of a selection, and each change, until one of them is the last to wait for; false if none was. */
  const follow = async <T extends KubeObject>(
    resource: Resource<T>,
    fieldSelector: string,
    isLast: (object: T) => boolean,
  ): Promise<boolean> => {
    const stop = new AbortController()
    using _timer = systemClock.after(patience, () => stop.abort())
    const selection = { namespace, fieldSelector, sendInitialEvents: true, allowBookmarks: true }
    try {
      for await (const batch of node().client.watch(resource, selection, stop.signal)) {
        for (const event of batch) if (event.type !== 'BOOKMARK' && isLast(event.object)) return true
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error
    }
    return false
  }
  const until: PodHelpers['until'] = async (name, what, isSo) => {
    let last: Pod | undefined
    if (await follow(pods, `metadata.name=${name}`, (pod) => isSo((last = pod)))) return last!
    const said = [JSON.stringify(last?.status, undefined, 1), ...(await eventsOf(name)), ...node().problems]
    throw new Error(`Pod "${name}" is not ${what}: ${said.join('\n')}`)
  }
  const textOf = ({ reason, message }: Event): string => `${reason}: ${message}`
  const eventsOf = async (name: string): Promise<readonly string[]> => {
    const { items } = await node().client.list(events, { namespace, fieldSelector: `involvedObject.name=${name}` })
    return items.map(textOf)
  }
  const untilEvents: PodHelpers['untilEvents'] = async (name, what, isSo) => {
    const written = new Map<string, string>()
    let texts: readonly string[] = []
    const look = (event: Event): boolean => {
      written.set(event.metadata.name, textOf(event))
      // Their names tell when they were made, as in a list.
      texts = [...written].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, text]) => text)
      return isSo(texts)
    }
    if (await follow(events, `involvedObject.name=${name}`, look)) return texts
    throw new Error(`Events of pod "${name}" do not tell ${what}: ${[...texts, ...node().problems].join('\n')}`)
  }
  const remove: PodHelpers['remove'] = async (name) => {
    await node().client.delete(pods, { name, namespace })
    const deadline = systemClock.now() + patience
    while (systemClock.now() < deadline) {
      try {
        await node().client.get(pods, { name, namespace })
      } catch (error) {
        if (isReason(error, 'NotFound')) return
        throw error
      }
      await systemClock.sleep(10)
    }
    throw new Error(`Pod "${name}" is not gone: ${node().problems.join('\n')}`)
  }
  return {
    create,
    until,
    untilEvents,
    remove,
    async outcome(name, spec) {
      const containers = (spec.containers ?? []).map((container) => ({
        ...container,
        terminationMessagePolicy: 'FallbackToLogsOnError' as const,
      }))
      await create(name, { restartPolicy: 'Never', ...spec, containers })
      const pod = await until(name, 'done', isDone)
      await remove(name)
      return pod.status?.containerStatuses?.[0]?.state?.terminated?.message ?? ''
    },
  }
}
