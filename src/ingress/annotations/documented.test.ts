import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { annotations, refusedAnnotations, type AnnotationRow } from './annotations.ts'
import { isMisfit } from './readers.ts'

/** What is no value of any annotation, so that its reader says what would be. */
const noValue = '( $'

/** The tables of docs/ingress.md as they must be. */
function tables(): readonly string[] {
  const understood = Object.entries<AnnotationRow>(annotations).map(([name, { reads, sets, protects }]) => {
    const misfit = reads(noValue)
    assert.ok(isMisfit(misfit), name)
    return `| \`${name}\`${protects === true ? ' *' : ''} | ${misfit.mustBe.replace(/ \(error parsing.*\)/, '').replaceAll('|', '\\|')} | ${sets} |`
  })
  const refused = Object.entries(refusedAnnotations).map(
    ([name, { why, protects }]) => `| \`${name}\`${protects === true ? ' *' : ''} | ${why} |`,
  )
  return [...understood, ...refused]
}

test('docs/ingress.md tells of every annotation what it may be and what it does', async () => {
  const text = await readFile(new URL('../../../docs/ingress.md', import.meta.url), 'utf8')
  const written = text.split('\n').filter((line) => line.startsWith('| `'))
  const plain = (lines: readonly string[]): string[] =>
    lines.map((line) => line.replace(/\s+/g, ' ').replaceAll('\\*', '*').trim())
  assert.deepEqual(plain(written), plain(tables()), `the tables must be\n${tables().join('\n')}`)
})
