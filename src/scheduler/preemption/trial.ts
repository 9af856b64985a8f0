import type { Pod } from '#api/core/v1/pod.ts'
import type { NodeRejection } from '#scheduler/cycle.ts'
import type { PodsOfNodeChange } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import { changedView } from '#scheduler/views.ts'
import type { Hook } from '#scheduler/verdicts.ts'

/** One node in a world that is only considered: which of its pods were not there, and what the plugins would say then. */
export class Trial {
  readonly pod: Pod
  readonly view: NodeView
  readonly #hooks: readonly Hook[]

  constructor(pod: Pod, view: NodeView, hooks: readonly Hook[]) {
    this.pod = pod
    this.view = view
    this.#hooks = hooks
  }

  /** The same with other pods on the node. This one stays as it is. */
  with({ added = [], removed = [] }: Partial<PodsOfNodeChange>): Trial {
    if (added.length === 0 && removed.length === 0) return this
    const change = { added, removed }
    const adjusted = (hook: Hook): Hook =>
      hook.plugin.adjust === undefined
        ? hook
        : { ...hook, state: hook.plugin.adjust(hook.state, this.pod, this.view, change) }
    const hooks = this.#hooks.some(({ plugin }) => plugin.adjust !== undefined)
      ? this.#hooks.map(adjusted)
      : this.#hooks
    return new Trial(this.pod, changedView(this.view, change), hooks)
  }

  /** What the first plugin that objects says; undefined where the pod fits. */
  objection(): NodeRejection | undefined {
    for (const { plugin, state } of this.#hooks) {
      const rejection = plugin.filter?.(this.pod, this.view, state)
      if (rejection !== undefined) return { node: this.view.name, plugin: plugin.name, rejection }
    }
    return undefined
  }

  /**
   * The same where the node is promised to other pods. The pod must fit both with and without them: they may never come, and
   * something the pod depends on may be theirs.
   */
  objectionBesides(promised: readonly Pod[]): NodeRejection | undefined {
    if (promised.length === 0) return this.objection()
    return this.with({ added: promised }).objection() ?? this.objection()
  }
}
