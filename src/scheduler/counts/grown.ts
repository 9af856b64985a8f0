/** The same numbers in a table of at least this length; the rest is 0. */
export function grown(table: Int32Array, least: number): Int32Array {
  if (table.length >= least) return table
  const larger = new Int32Array(least + (least >> 2) + 8)
  larger.set(table)
  return larger
}
