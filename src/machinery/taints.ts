/** The part of a taint that toleration looks at. */
export interface TaintLike {
  readonly key: string
  readonly value?: string
  readonly effect: string
}

export interface TolerationLike {
  readonly key?: string
  readonly operator?: string
  readonly value?: string
  readonly effect?: string
}

/** Whether a toleration covers a taint: an empty key with `Exists` covers all, an empty effect covers every effect. */
export function tolerates(toleration: TolerationLike, taint: TaintLike): boolean {
  if ((toleration.effect ?? '') !== '' && toleration.effect !== taint.effect) return false
  const key = toleration.key ?? ''
  if (key !== '' && key !== taint.key) return false
  switch (toleration.operator ?? '') {
    case '':
    case 'Equal':
      return key !== '' && (toleration.value ?? '') === (taint.value ?? '')
    case 'Exists':
      return true
    default:
      return false
  }
}

/** The first taint with one of these effects that none of the tolerations covers. */
export function findUntolerated<T extends TaintLike>(
  taints: readonly T[] | undefined,
  tolerations: readonly TolerationLike[] | undefined,
  effects: readonly string[],
): T | undefined {
  if (taints === undefined) return undefined
  for (const taint of taints) {
    if (!effects.includes(taint.effect)) continue
    if (tolerations?.some((toleration) => tolerates(toleration, taint)) !== true) return taint
  }
  return undefined
}
