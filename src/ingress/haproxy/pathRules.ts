/** The path that a backend gets. */
import type { Rewrite } from '#ingress/routing.ts'
import type { SectionContext, SectionSource } from './section.ts'
import { quotedFormat, UnusableText } from './words.ts'

/** Rules of a section that change the path; without a rewrite it is the one that was sent. */
export function pathRules(
  context: SectionContext,
  rewrite: Rewrite | undefined,
  source: SectionSource,
): readonly string[] {
  if (rewrite === undefined) return ['http-request set-pathq %[var(txn.raw)] if { var(txn.raw) -m found }']
  if (rewrite.kind === 'prefix') return prefixRules(rewrite.replacement, source)
  return templateRules(context, rewrite.template, source)
}

function prefixRules(replacement: string, { path }: SectionSource): readonly string[] {
  const start = quotedFormat(replacement.replace(/\/$/, ''), 'the replacement of the prefix')
  if (path.kind !== 'prefix')
    return [`http-request set-path ${quotedFormat(replacement, 'the replacement of the prefix')}`]
  const length = path.text.replace(/\/$/, '').length
  const rest = `path,bytes(${length})`
  return [
    `http-request set-var(txn.rest) ${length === 0 ? 'path' : rest}`,
    `http-request set-path ${start}%[var(txn.rest)] if { var(txn.rest) -m found }`,
    `http-request set-path ${start === "''" ? '/' : start} if !{ var(txn.rest) -m len gt 0 }`,
  ]
}

/** The groups of a pattern are filled in by a map with one entry, so that neither the pattern nor the template is configuration. */
function templateRules(context: SectionContext, template: string, { path }: SectionSource): readonly string[] {
  const rooted = template.startsWith('/') || template.startsWith('$') ? template : `/${template}`
  const [target, query] = splitQuery(rooted)
  if (/[^!-~]/.test(rooted)) throw new UnusableText('the path to rewrite to may have printable ASCII characters only')
  const usesGroups = path.kind === 'pattern' && /\$[1-9]/.test(rooted)
  const withoutGroups = (text: string): string => text.replaceAll(/\$[1-9]/g, '')
  const filled = (text: string): string => {
    if (!usesGroups) return quotedFormat(withoutGroups(text), 'the path to rewrite to')
    const value = text.replaceAll('\\', '\\\\').replaceAll(/\$([1-9])/g, '\\$1')
    const file = context.file('rewrite', `^${path.text} ${value}\n`)
    return `%[path,map_regm(${file})]`
  }
  const rules = usesGroups
    ? [`http-request set-var-fmt(txn.path) '${filled(target)}'`]
    : [`http-request set-var-fmt(txn.path) ${filled(target)}`]
  rules.push("http-request set-var-fmt(txn.path) '/%[var(txn.path)]' if !{ var(txn.path) -m beg / }")
  if (query !== undefined) {
    rules.push(
      `http-request set-var-fmt(txn.query) ${usesGroups ? `'${filled(query)}'` : filled(query)}`,
      "http-request set-var-fmt(txn.query) '%[var(txn.query)]&%[query]' if { query -m found } { query -m len gt 0 }",
      "http-request set-pathq '%[var(txn.path)]?%[var(txn.query)]'",
    )
  } else rules.push("http-request set-path '%[var(txn.path)]'")
  return rules
}

function splitQuery(text: string): readonly [path: string, query: string | undefined] {
  const mark = text.indexOf('?')
  return mark < 0 ? [text, undefined] : [text.slice(0, mark), text.slice(mark + 1)]
}
