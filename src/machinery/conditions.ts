interface ConditionLike {
  readonly type: string
  readonly status: string
  readonly reason?: string | undefined
  readonly message?: string | undefined
  readonly lastTransitionTime?: string | undefined
  readonly observedGeneration?: number | undefined
}

/** The condition of this type, if the list has one. */
export function conditionOf<C extends { readonly type: string }>(
  conditions: readonly C[] | null | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** Whether the condition of this type is there and `True`. */
export function isConditionTrue(
  conditions: readonly { readonly type: string; readonly status: string }[] | null | undefined,
  type: string,
): boolean {
  return conditionOf(conditions, type)?.status === 'True'
}

/**
 * The list with `condition` in the place of the one with its type, or at the end. `lastTransitionTime` is kept while the
 * status stays the same. Returns the same list when nothing would change, so that callers can skip a write.
 */
export function withCondition<C extends ConditionLike>(
  conditions: readonly C[] | null | undefined,
  condition: C,
): readonly C[] {
  const list = conditions ?? []
  const at = list.findIndex((each) => each.type === condition.type)
  const old = list[at]
  if (old === undefined) return [...list, condition]
  const kept =
    old.status === condition.status && old.lastTransitionTime !== undefined
      ? { ...condition, lastTransitionTime: old.lastTransitionTime }
      : condition
  const told = ['status', 'reason', 'message', 'observedGeneration'] as const
  if (told.every((each) => old[each] === kept[each])) return list
  return list.with(at, kept)
}

/** The list without the condition of this type; the same list when it has none. */
export function withoutCondition<C extends { readonly type: string }>(
  conditions: readonly C[],
  type: string,
): readonly C[] {
  const rest = conditions.filter((condition) => condition.type !== type)
  return rest.length === conditions.length ? conditions : rest
}
