import { isReason } from '#machinery/status.ts'

/** The result of work on an object, or undefined when the object is not there any more: then there is nothing to do. */
export async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined
    throw error
  }
}
