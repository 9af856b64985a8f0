import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PullPolicy } from '#api/core/v1/container.ts'
import { imageNameProblem, planImage, tagOf } from './planImages.ts'

const rows: readonly [string, PullPolicy | undefined, boolean, string][] = [
  ['nginx', undefined, true, 'pull'],
  ['nginx:latest', undefined, true, 'pull'],
  ['nginx:1.25', undefined, true, 'use'],
  ['nginx:1.25', undefined, false, 'pull'],
  ['nginx:1.25', 'Always', true, 'pull'],
  ['nginx', 'IfNotPresent', true, 'use'],
  ['nginx', 'Never', true, 'use'],
  ['nginx', 'Never', false, 'refuse'],
  ['localhost:5000/nginx', undefined, true, 'pull'],
]
for (const [image, imagePullPolicy, isPresent, expected] of rows) {
  test(`planImage: ${image} ${imagePullPolicy ?? 'by tag'} ${isPresent ? 'present' : 'absent'}`, () => {
    const container = imagePullPolicy === undefined ? { image } : { image, imagePullPolicy }
    assert.equal(planImage(container, isPresent).do, expected)
  })
}

const names: readonly [string, string | undefined][] = [
  ['busybox', undefined],
  ['registry.example.com:5000/a/b_c/d-e:v1.2', undefined],
  [`busybox@sha256:${'a'.repeat(64)}`, undefined],
  ['Bad_NAME:1:2', 'invalid reference format: repository name must be lowercase'],
  ['a b', 'invalid reference format'],
  ['', 'invalid reference format'],
  [`${'a/'.repeat(200)}b`, 'repository name must not be more than 255 characters'],
  ['x'.repeat(2000), 'invalid reference format'],
]
for (const [image, problem] of names) {
  test(`image name: ${image.slice(0, 40)}`, () => assert.equal(imageNameProblem(image), problem))
}

test('tagOf', () => {
  assert.deepEqual(
    ['a', 'a:1', 'r:5000/a', 'r:5000/a:2', `a@sha256:${'0'.repeat(64)}`].map((image) => tagOf(image)),
    ['latest', '1', 'latest', '2', undefined],
  )
})
