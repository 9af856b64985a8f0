import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import type { CriConnection } from './criRuntime.ts'
import { PodRecords } from './podRecords.ts'
import { followTaskEvents } from './taskEvents.ts'

test('only what tasks do by themselves is asked for, and told of the pods that are known', async () => {
  const asked: (readonly string[])[] = []
  const connection: CriConnection = {
    call: () => Promise.reject(new Error('nothing is to be called')),
    async *events(filters) {
      asked.push(filters)
      // Each filter stands for topics, as containerd reads them.
      const topics = filters.map((filter) => new RegExp(/^topic~="(.*)"$/.exec(filter)![1]!))
      for (const topic of ['/tasks/create', '/tasks/start', '/tasks/exec-started', '/tasks/exit', '/tasks/oom']) {
        if (topics.some((each) => each.test(topic))) yield { topic, containerId: 'mine' }
      }
      for (const containerId of ['other', 'mine']) yield { topic: '/tasks/delete', containerId }
    },
  }
  const records = new PodRecords(connection, fakeFiles(), new SimulatedClock())
  const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', uid: 'u' }, spec: { containers: [] } }
  records.addContainer(pod, 'mine', 's')
  const told: (string | undefined)[] = []
  await followTaskEvents(connection, records, (uid) => told.push(uid), new AbortController().signal)
  assert.equal(asked.length, 1)
  // Out of memory, then the end of a stranger, then its own.
  assert.deepEqual(told, ['u', undefined, 'u'])
})
