import type { Files } from '#lib/host/files.ts'

const mostLinks = 40

/**
 * The path of `subPath` within a volume, with every link on the way followed, and the missing end made as folders. A
 * link that leads out of the volume is refused: a container could have put it there to reach the node's own files.
 */
export async function resolveSubPath(files: Files, volume: string, subPath: string): Promise<string> {
  const outside = new Error(`subPath "${subPath}" leads out of its volume`)
  const rest = partsOf(subPath)
  const at: string[] = []
  let links = 0
  while (rest.length > 0) {
    const part = rest.shift()!
    if (part === '..') {
      if (at.pop() === undefined) throw outside
      continue
    }
    at.push(part)
    const path = `${volume}/${at.join('/')}`
    const found = await files.status(path)
    if (found === undefined) await files.makeFolder(path, 0o750)
    else if (found.kind === 'link') {
      if (++links > mostLinks) throw new Error(`subPath "${subPath}" has too many links`)
      const target = (await files.readLink(path)) ?? ''
      at.pop()
      if (target.startsWith('/')) {
        if (target !== volume && !target.startsWith(`${volume}/`)) throw outside
        at.length = 0
        rest.unshift(...partsOf(target.slice(volume.length)))
      } else rest.unshift(...partsOf(target))
    } else if (found.kind !== 'folder' && rest.length > 0) {
      throw new Error(`subPath "${subPath}" goes through "${part}", which is not a folder`)
    }
  }
  return at.length === 0 ? volume : `${volume}/${at.join('/')}`
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}
