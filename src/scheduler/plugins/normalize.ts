/** The best score a plugin may give a node. */
export const mostScore = 100

/** Stretches scores so that the highest becomes 100; `reverse` makes the highest the worst. Equal zeros become all best or all worst. */
export function normalizeScores(scores: Float64Array, options: { readonly reverse?: boolean } = {}): void {
  let highest = -Infinity
  for (const score of scores) if (score > highest) highest = score
  if (highest === 0) {
    scores.fill(options.reverse === true ? mostScore : 0)
    return
  }
  for (let i = 0; i < scores.length; i++) {
    const stretched = Math.trunc((mostScore * scores[i]!) / highest)
    scores[i] = options.reverse === true ? mostScore - stretched : stretched
  }
}
