import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { bytesToFree, collectImages, type ImageSettings } from './collectImages.ts'

const rows: readonly (readonly [number, number, ImageSettings, number])[] = [
  // Free, of all, and what is said.
  [150, 1000, {}, 50],
  // Parts of a percent count as used.
  [159, 1000, {}, 41],
  [160, 1000, {}, 0],
  [10, 1000, {}, 190],
  [499, 1000, { imageGCHighThresholdPercent: 50, imageGCLowThresholdPercent: 40 }, 101],
  [10, 1000, { imageGCHighThresholdPercent: 99, imageGCLowThresholdPercent: 98 }, 10],
  [0, 0, {}, 0],
]
for (const [freeBytes, totalBytes, settings, expected] of rows) {
  test(`bytesToFree: ${freeBytes} of ${totalBytes} are free, with ${JSON.stringify(settings)}`, () => {
    assert.equal(bytesToFree({ freeBytes, totalBytes }, settings), expected)
  })
}

/** A disk of 1000 bytes with so many bytes of images that can go. */
function start(t: TestContext, settings: ImageSettings, unused: number) {
  const clock = new SimulatedClock(0)
  const told: string[] = []
  const tell = (text: string): void => void told.push(`${clock.now() / 60_000}m ${text}`)
  const disk = { freeBytes: 500, totalBytes: 1000 }
  let left = unused
  const stop = new AbortController()
  const running = collectImages(
    {
      settings,
      nodeName: 'n',
      clock,
      recorder: {
        record: (_about, { type, reason, message }) => tell(`${type} ${reason}: ${message}`),
        recordAction: () => {},
      },
      readSpace: async () => disk,
      async remove(bytes) {
        const freed = Math.min(bytes, left)
        tell(`removes ${freed}`)
        left -= freed
        disk.freeBytes += freed
        return freed
      },
      report: (problem) => tell(problem),
    },
    stop.signal,
  )
  t.after(async () => {
    stop.abort()
    await running
  })
  return { clock, disk, told }
}

test('images go when the disk is fuller than it may be, and it is told when they were too few', async (t) => {
  const { clock, disk, told } = start(t, {}, 200)
  await clock.advance('4m')
  disk.freeBytes = 100
  await clock.advance('2m')
  disk.freeBytes = 40
  await clock.advance('10m')
  const tooFew = (wanted: number, freed: number): string =>
    `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`
  assert.deepEqual(told, [
    '5m removes 100',
    '10m removes 100',
    `10m Warning FreeDiskSpaceFailed: ${tooFew(160, 100)}`,
    '15m removes 0',
    `15m Warning FreeDiskSpaceFailed: ${tooFew(60, 0)}`,
    `15m Warning ImageGCFailed: ${tooFew(60, 0)}`,
  ])
})

test('images stay where nothing is said of the disk', async (t) => {
  const { clock, disk, told } = start(t, { imageGCHighThresholdPercent: 100 }, 200)
  disk.freeBytes = 0
  await clock.advance('10m')
  assert.deepEqual(told, [])
})
