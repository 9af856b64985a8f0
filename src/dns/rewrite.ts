/** Applies the rules of `rewrite` to names of questions, and undoes them in answers. */
import type { RewriteRule } from './corefile/settings.ts'
import type { DnsRecord, Reply } from './message.ts'

export interface Rewritten {
  readonly name: string
  /** The rules that took part, in order. */
  readonly rules: readonly RewriteRule[]
}

/** The name to look up instead; the name itself, by no rules, where none takes part. */
export function rewriteName(asked: string, rules: readonly RewriteRule[]): Rewritten {
  let name = asked
  const applied: RewriteRule[] = []
  for (const rule of rules) {
    const next = applyRule(name, rule)
    if (next === undefined) continue
    name = next
    applied.push(rule)
    if (!rule.goOn) break
  }
  return { name, rules: applied }
}

function applyRule(name: string, { match, to }: RewriteRule): string | undefined {
  // Rules of parts of names are written for names with a dot at the end.
  const whole = `${name}.`
  switch (match.by) {
    case 'exact':
      return name === match.text ? to : undefined
    case 'suffix':
      return name.endsWith(match.text) ? name.slice(0, name.length - match.text.length) + to : undefined
    case 'prefix':
      return whole.startsWith(match.text) ? withoutDot(to + whole.slice(match.text.length)) : undefined
    case 'substring':
      return match.text !== '' && whole.includes(match.text)
        ? withoutDot(whole.replaceAll(match.text, () => to))
        : undefined
    case 'regex': {
      const groups = match.expression.match(whole) ?? match.expression.match(name)
      return groups === undefined ? undefined : withoutDot(fill(to, groups))
    }
  }
}

const withoutDot = (name: string): string => name.replace(/\.$/, '')

/** Puts what groups matched where `{1}` stands for it. */
const fill = (template: string, groups: readonly string[]): string =>
  template.replaceAll(/\{(\d{1,2})\}/g, (_, group: string) => groups[Number(group)] ?? '')

/** The reply to the question that was asked, from the reply to the one that was looked up. */
export function restoreReply(reply: Reply, asked: string, { name, rules }: Rewritten): Reply {
  const ofNames = rules.flatMap(({ answers }) => answers.filter(({ of }) => of === 'name'))
  const ofValues = rules.flatMap(({ answers }) => answers.filter(({ of }) => of === 'value'))
  const restore = (record: DnsRecord): DnsRecord => ({
    ...record,
    // Resolvers take no answer about another name than the one they asked for.
    name: record.name === name ? asked : replaceBy(ofNames, record.name),
    data: restoreData(record.data, (value) => replaceBy(ofValues, value)),
  })
  return {
    ...reply,
    ...(reply.answers === undefined ? {} : { answers: reply.answers.map(restore) }),
    ...(reply.additional === undefined ? {} : { additional: reply.additional.map(restore) }),
  }
}

function replaceBy(rules: RewriteRule['answers'], text: string): string {
  for (const { from, to } of rules) {
    const groups = from.match(`${text}.`) ?? from.match(text)
    if (groups !== undefined) return withoutDot(fill(to, groups))
  }
  return text
}

/** Names that records lead to; addresses and texts are none. */
function restoreData(data: unknown, replace: (name: string) => string): unknown {
  if (typeof data === 'string') return /^[\d.]+$|:/.test(data) ? data : replace(data)
  if (typeof data !== 'object' || data === null || !('target' in data)) return data
  return { ...data, target: replace(String(data.target)) }
}
