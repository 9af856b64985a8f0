/** Sets of client addresses. */
import { cidrContains, cidrOf, parseCidr } from '#lib/net/cidr.ts'
import type { Cidr } from '#lib/net/cidr.ts'
import { parseIp } from '#lib/net/ip.ts'

/** Whether an address is in one of the blocks. Throws when one is not a block or an address. */
export function sourceTest(blocks: readonly string[], whose: string): (address: string) => boolean {
  const read = blocks.map((text): Cidr => {
    const ip = parseIp(text)
    const block = ip === undefined ? parseCidr(text) : cidrOf(ip, ip.length * 8)
    if (block === undefined)
      throw new Error(`Cannot read "${text}" among the addresses of ${whose}: write a block such as 10.0.0.0/8`)
    return block
  })
  return (address) => {
    const ip = parseIp(address)
    return ip !== undefined && read.some((block) => cidrContains(block, ip))
  }
}
