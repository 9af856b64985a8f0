// Runs a bundle of the command line: `node bin/start.js FOLDER [ARGUMENT ...]`. The processes of a cluster start here, without
// a look at the sources. Runs on the pinned Node.
import { enableCompileCache, flushCompileCache } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** When what has been compiled by then is kept for the next start; a process that is killed later has given its share. */
const keepAfter = 2_000

export async function runBundle(folder, args) {
  enableCompileCache(join(dirname(folder), 'compiled'))
  setTimeout(() => flushCompileCache(), keepAfter).unref()
  const program = args[0] === 'run-node' && args.length === 3 ? 'node.js' : 'main.js'
  const { main } = await import(pathToFileURL(join(folder, program)).href)
  process.exitCode = await main(args, [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), folder])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runBundle(process.argv[2], process.argv.slice(3))
