/** Labels of nodes that others replaced, with what to say of them. */
const replaced: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
}

/** What to say to those who ask for nodes by a label that another replaced. */
export function nodeLabelProblem(label: string): string | undefined {
  return Object.hasOwn(replaced, label) ? replaced[label] : undefined
}

/** The same for the expressions of a selector of nodes that stands at `place`. */
export function nodeExpressionWarnings(
  expressions: readonly { readonly key: string }[] | undefined,
  place: string,
): string[] {
  return (expressions ?? []).flatMap(({ key }, index) => {
    const problem = nodeLabelProblem(key)
    return problem === undefined ? [] : [`${place}.matchExpressions[${index}].key: ${key} is ${problem}`]
  })
}
