import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FoundImage } from '../runtime/containerRuntime.ts'
import { ImageUses } from './unusedImages.ts'

const image = (name: string, parts: Partial<FoundImage> = {}): FoundImage => ({
  id: `sha256:${name}`,
  ref: `docker.io/${name}@sha256:1${name}`,
  names: [`docker.io/${name}:1`],
  sizeBytes: 1,
  ...parts,
})
const minute = 60_000

test('images that are used, kept, pinned or new stay; the one that was not used for longest goes first', () => {
  const uses = new ImageUses(['docker.io/kept:1'])
  const old = ['a', 'b', 'by-id', 'by-digest', 'by-name', 'kept'].map((name) => image(name))
  const pinned = image('pinned', { isPinned: true })
  const all = [...old, pinned]
  uses.note(all, new Set(['docker.io/a:1']), 0)
  const used = new Set(['sha256:by-id', 'docker.io/by-digest@sha256:1by-digest', 'docker.io/by-name:1'])
  uses.note([...all, image('new')], new Set(['docker.io/b:1']), minute)
  const names = (at: number): string[] => uses.unused([...all, image('new')], used, at).map(({ id }) => id)
  assert.deepEqual(names(2 * minute), ['sha256:a', 'sha256:b'])
  assert.deepEqual(names(3 * minute), ['sha256:new', 'sha256:a', 'sha256:b'])
})

test('any image stays as long as it is told', () => {
  const uses = new ImageUses([], 3 * minute)
  const none = new Set<string>()
  uses.note([], none, 0)
  uses.note([image('a')], none, minute)
  const names = (at: number): string[] => uses.unused([image('a')], none, at).map(({ id }) => id)
  assert.deepEqual([names(4 * minute - 1), names(4 * minute)], [[], ['sha256:a']])
})

test('what there is when the agent starts may go at once; what comes back is new', () => {
  const uses = new ImageUses([])
  const [a, b] = [image('a'), image('b')]
  const none = new Set<string>()
  uses.note([a, b], none, 0)
  assert.deepEqual(uses.unused([a, b], none, 0), [a, b])
  uses.note([a], none, minute)
  uses.note([a, b], none, 2 * minute)
  assert.deepEqual(uses.unused([a, b], none, 2 * minute), [a])
})
