import { SimulatedClock } from '#lib/clock.ts'
import { startServer } from '../../test/integration/apiServerFixture.ts'
import { listen } from '../../test/integration/apiServerHttp.ts'
import { compareDiscovery, type ServedList } from './discovery.ts'
import { goldenFiles, type Comparison, type GoldenFile } from './golden.ts'
import {
  askApply,
  askBootstrap,
  askDefaults,
  askFieldErrors,
  askPatches,
  askRestErrors,
  askTableColumns,
  type Asker,
} from './questions.ts'

const asks: Readonly<Record<GoldenFile, (directory: string, server: Asker) => Promise<Comparison[]>>> = {
  'defaults.json': askDefaults,
  'field-errors.json': askFieldErrors,
  'table-columns.json': askTableColumns,
  'patches.json': askPatches,
  'apply.json': askApply,
  'rest-errors.json': askRestErrors,
  'bootstrap.json': askBootstrap,
}

/** Asks a server of this process, new for each file, everything that was recorded in a folder. */
export async function compareWithGolden(
  directory: string,
  files: readonly GoldenFile[] = goldenFiles,
): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const file of files) {
    const clock = new SimulatedClock()
    await using fixture = await startServer({ clock, roles: file === 'bootstrap.json' })
    await using http = await listen(fixture.server)
    const asker: Asker = { ask: (method, path, options) => answered(clock, http.ask(method, path, options)) }
    comparisons.push(...(await asks[file](directory, asker)))
    if (fixture.bugs.length > 0) throw new AggregateError(fixture.bugs, 'The server met errors that are bugs')
  }
  return comparisons
}

/** What a server of this process says that it serves, beside a list of what there is. */
export async function compareServed(list: ServedList): ReturnType<typeof compareDiscovery> {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  const asker: Asker = { ask: (method, path, options) => answered(clock, http.ask(method, path, options)) }
  return await compareDiscovery(list, asker)
}

/** Lets time pass until there is an answer: some requests wait for what never comes. */
async function answered<T>(clock: SimulatedClock, promise: Promise<T>): Promise<T> {
  let done = false
  const finish = promise.finally(() => (done = true))
  while (!done) await clock.advance(50)
  return finish
}
