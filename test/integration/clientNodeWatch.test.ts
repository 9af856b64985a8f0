// The official JavaScript client (@kubernetes/client-node) watches, and its informers keep up through what networks do.
import {
  CoreV1Api,
  ListWatch,
  makeInformer,
  Watch,
  type V1ConfigMap,
  type V1ConfigMapList,
} from '@kubernetes/client-node'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { startForClientNode } from './clientNodeFixture.ts'

const namespace = 'default'
const path = '/api/v1/namespaces/default/configmaps'

type Maps = ReturnType<typeof mapsOf>

/** Writes and lists the objects that are watched. */
function mapsOf(core: CoreV1Api) {
  return {
    list: (): Promise<V1ConfigMapList> => core.listNamespacedConfigMap({ namespace }),
    create: (name: string, labels = {}): Promise<V1ConfigMap> =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels } } }),
    async change(name: string, value: string): Promise<V1ConfigMap> {
      const body = await core.readNamespacedConfigMap({ namespace, name })
      return core.replaceNamespacedConfigMap({ namespace, name, body: { ...body, data: { value } } })
    },
    remove: (name: string): Promise<unknown> => core.deleteNamespacedConfigMap({ namespace, name }),
  }
}

/** What has been told, and a way to wait for more. */
class Heard {
  readonly words: string[] = []
  #waiting: { readonly word: string; readonly resolve: () => void }[] = []

  tell(word: string): void {
    this.words.push(word)
    for (const { resolve } of this.#waiting.filter((each) => each.word === word)) resolve()
    this.#waiting = this.#waiting.filter((each) => each.word !== word)
  }

  /** Resolves when the word is told next. */
  next(word: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ word, resolve }))
  }
}

test('a watch tells what happens, and bookmarks how far it has come', async () => {
  const clock = new SimulatedClock()
  await using started = await startForClientNode({ clock })
  const config = started.config()
  const maps = mapsOf(config.makeApiClient(CoreV1Api))
  const heard = new Heard()
  const begin = (await maps.list()).metadata!.resourceVersion!
  const query = { resourceVersion: begin, allowWatchBookmarks: true, labelSelector: 'seen=yes' }
  const request = await new Watch(config).watch(
    path,
    query,
    (type: string, object: V1ConfigMap) => heard.tell(`${type} ${object.metadata?.name ?? ''}`.trim()),
    (error: unknown) => heard.tell(error instanceof Error ? error.name : 'done'),
  )
  await maps.create('a', { seen: 'yes' })
  await maps.create('other')
  await maps.change('a', '1')
  const removed = heard.next('DELETED a')
  await maps.remove('a')
  await removed
  await maps.create('another')
  const bookmark = heard.next('BOOKMARK')
  await clock.advance(80_000)
  await bookmark
  const over = heard.next('AbortError')
  request.abort()
  await over
  assert.deepEqual(heard.words, ['ADDED a', 'MODIFIED a', 'DELETED a', 'BOOKMARK', 'AbortError'])
})

test('a watch that is not allowed, or begins too long ago, says so', async () => {
  await using started = await startForClientNode({ windowEvents: 4 })
  const watch = (user: 'root' | 'jane', resourceVersion: string): Promise<unknown[]> =>
    new Promise((resolve) => {
      const events: unknown[] = []
      void new Watch(started.config(user)).watch(
        path,
        { resourceVersion },
        (type: string, { code, reason }: { code: number; reason: string }) => events.push(type, code, reason),
        (error: { statusCode?: number } | null) => resolve([...events, error?.statusCode ?? null]),
      )
    })
  assert.deepEqual(await watch('jane', '0'), [403])
  const maps = mapsOf(started.config().makeApiClient(CoreV1Api))
  for (let i = 0; i < 10; i++) await maps.create(`c${i}`)
  assert.deepEqual(await watch('root', '1'), ['ERROR', 410, 'Expired', null])
})

test('an informer is told of each change, and goes on after its connection was cut', async () => {
  await using started = await startForClientNode()
  const config = started.config()
  const maps = mapsOf(config.makeApiClient(CoreV1Api))
  await maps.create('a')
  const heard = new Heard()
  const informer = makeInformer<V1ConfigMap>(config, path, maps.list)
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, ({ metadata }) => heard.tell(`${verb} ${metadata!.name}`))
  }
  let isOver = false
  // What its documentation tells users to do. It calls its own end an error too.
  informer.on('error', () => {
    if (isOver) return
    heard.tell('error')
    void informer.start()
  })
  await informer.start()
  assert.deepEqual(heard.words, ['add a'])
  await heardAfter(heard, 'add b', () => maps.create('b'))
  await heardAfter(heard, 'update a', () => maps.change('a', '1'))
  await heardAfter(heard, 'delete b', () => maps.remove('b'))
  await heardAfter(heard, 'error', () => started.cut())
  await heardAfter(heard, 'add c', () => maps.create('c'))
  isOver = true
  await informer.stop()
  assert.deepEqual(heard.words, ['add a', 'add b', 'update a', 'delete b', 'error', 'add c'])
  await sameState(informer, maps)
})

test('an informer that was away for too long lists again', async () => {
  await using started = await startForClientNode({ windowEvents: 4 })
  const config = started.config()
  const maps = mapsOf(config.makeApiClient(CoreV1Api))
  for (const name of ['a', 'b', 'c']) await maps.create(name)
  const heard = new Heard()
  let lists = 0
  const list = (): Promise<V1ConfigMapList> => {
    lists++
    return maps.list()
  }
  const informer = eager(new Watch(config), list)
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, ({ metadata }) => heard.tell(`${verb} ${metadata!.name}`))
  }
  informer.on('error', () => heard.tell('error'))
  await informer.start()
  await heardAfter(heard, 'error', () => started.cut())
  await maps.remove('a')
  await maps.change('b', '1')
  for (let i = 0; i < 10; i++) await maps.create(`d${i}`)
  await heardAfter(heard, 'add d9', () => void informer.start())
  await heardAfter(heard, 'add e', () => maps.create('e'))
  await informer.stop()
  assert.equal(lists, 2)
  assert.deepEqual(heard.words.slice(3, 7), ['error', 'delete a', 'update b', 'add d0'])
  await sameState(informer, maps)
})

test('an informer watches anew when the server ends its watch in good order', async () => {
  const clock = new SimulatedClock()
  await using started = await startForClientNode({ clock })
  const config = started.config()
  const maps = mapsOf(config.makeApiClient(CoreV1Api))
  const heard = new Heard()
  const informer = eager(new Watch(config), maps.list)
  informer.on('connect', () => heard.tell('connect'))
  informer.on('add', ({ metadata }) => heard.tell(`add ${metadata!.name}`))
  await informer.start()
  await heardAfter(heard, 'connect', () => clock.advance(3_600_000))
  await heardAfter(heard, 'add a', () => maps.create('a'))
  await informer.stop()
  assert.deepEqual(heard.words, ['connect', 'connect', 'add a'])
})

/** An informer that waits for nothing before it connects again. */
function eager(watch: Watch, list: () => Promise<V1ConfigMapList>): ListWatch<V1ConfigMap> {
  const noDelay = { delayFn: () => Promise.resolve() }
  return new ListWatch<V1ConfigMap>(path, watch, list, false, undefined, undefined, noDelay)
}

async function heardAfter(heard: Heard, word: string, act: () => unknown): Promise<void> {
  const told = heard.next(word)
  await act()
  await told
}

async function sameState(informer: { list(): readonly V1ConfigMap[] }, maps: Maps): Promise<void> {
  const names = (items: readonly V1ConfigMap[]): string[] =>
    items.map(({ metadata }) => `${metadata!.name} ${metadata!.resourceVersion}`).toSorted()
  assert.deepEqual(names(informer.list()), names((await maps.list()).items))
}
