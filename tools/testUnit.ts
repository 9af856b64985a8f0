// The tests beside the sources, in one process: `npm run test:unit [-- PATTERN ...]`.
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { join } from 'node:path'
import { root } from './steps.ts'

const patterns = process.argv.slice(2)
const files = globSync(
  patterns.length > 0 ? patterns : ['src/**/*.test.ts', 'tools/**/*.test.ts', 'test/integration/**/*.test.ts'],
  {
    cwd: root,
  },
)
if (files.length === 0) {
  console.error(`no test matches ${patterns.join(' ')}`)
  process.exit(1)
}
const stream = run({ files: files.map((file) => join(root, file)), isolation: 'none', concurrency: true })
let failed = false
stream.on('test:fail', () => {
  failed = true
})
stream.compose(new spec()).pipe(process.stdout)
stream.on('end', () => {
  process.exitCode = failed ? 1 : 0
})
