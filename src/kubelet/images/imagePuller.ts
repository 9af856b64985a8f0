/** Getting the images of containers: by pull policy, with back-off, with the credentials that the pod names. */
import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Clock } from '#lib/clock.ts'
import { Semaphore } from '#lib/async/mutex.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import { imageNameProblem, invalidNameMessage, planImage } from '../plan/planImages.ts'
import type { StartFailure } from '../plan/podMemory.ts'
import type { ReferencedObjects } from '../runtime/environment.ts'
import {
  RuntimeError,
  type ContainerRuntime,
  type FoundImage,
  type RegistryCredentials,
} from '../runtime/containerRuntime.ts'
import { credentialsFor } from './pullSecrets.ts'

const backoff = { first: 10_000, most: 300_000 }
/** A configuration that cannot work is looked at again after this. */
const retryAfter = 10_000
/** How long `ErrImagePull` is shown before the back-off is. */
const failureShownFor = 3_000

interface Failed {
  readonly count: number
  readonly until: number
  readonly message: string
}

export type ImageOutcome =
  | { readonly ok: true; readonly ref: string }
  | { readonly ok: false; readonly failure: StartFailure }

/** Tells of one step, as an event of the container. */
export type ImageNote = (type: 'Normal' | 'Warning', reason: string, message: string) => void

/** Finds or pulls images for the pods of one node. */
export class ImagePuller {
  readonly #runtime: ContainerRuntime
  readonly #clock: Clock
  readonly #failed = new Map<string, Failed>()
  readonly #atOnce = new Semaphore(4)
  /** What is being looked for, by the names of images. */
  readonly #looking = new Map<string, Promise<FoundImage | undefined>>()
  readonly #untilFound = new AbortController().signal

  constructor(runtime: ContainerRuntime, clock: Clock) {
    this.#runtime = runtime
    this.#clock = clock
  }

  /** Has the image of a container on the node when it resolves with its reference. Rejects only when aborted or when the runtime is away. */
  async ensure(
    pod: Pod,
    container: Container,
    objects: ReferencedObjects,
    note: ImageNote,
    signal: AbortSignal,
  ): Promise<ImageOutcome> {
    const image = container.image ?? ''
    const problem = imageNameProblem(image)
    if (problem !== undefined) {
      const message = invalidNameMessage(image, problem)
      note('Warning', 'InspectFailed', message)
      return this.#fail('InvalidImageName', message, note)
    }
    const found = await this.#find(image, signal)
    const decision = planImage(container, found !== undefined)
    if (decision.do === 'use') {
      note('Normal', 'Pulled', `Container image "${image}" already present on machine`)
      return { ok: true, ref: found!.ref }
    }
    if (decision.do === 'refuse') {
      note('Warning', decision.reason, decision.message)
      return this.#fail(decision.reason, decision.message, note)
    }
    return this.#pull(pod, image, credentialsFor(image, pod, objects), note, signal)
  }

  /** Asks once for all who want to know at the same time: pods that come together often have the same image. */
  async #find(image: string, signal: AbortSignal): Promise<FoundImage | undefined> {
    signal.throwIfAborted()
    let found = this.#looking.get(image)
    if (found === undefined) {
      // Not by the asker's signal, which is no business of the others.
      found = this.#runtime.findImage(image, this.#untilFound).finally(() => this.#looking.delete(image))
      this.#looking.set(image, found)
    }
    const answer = await found
    signal.throwIfAborted()
    return answer
  }

  async #pull(
    pod: Pod,
    image: string,
    credentials: readonly RegistryCredentials[],
    note: ImageNote,
    signal: AbortSignal,
  ): Promise<ImageOutcome> {
    const key = `${pod.metadata.uid} ${image}`
    const before = this.#failed.get(key)
    const asked = this.#clock.now()
    if (before !== undefined && before.until > asked) {
      const message = `Back-off pulling image "${image}"`
      note('Normal', 'BackOff', message)
      return this.#fail('ImagePullBackOff', `${message}: ${before.message}`, note, before.until)
    }
    note('Normal', 'Pulling', `Pulling image "${image}"`)
    try {
      using _place = await this.#atOnce.acquire(signal)
      const began = this.#clock.now()
      const ref = await this.#pullWith(image, credentials, signal)
      const now = this.#clock.now()
      const size = (await this.#runtime.findImage(image, signal))?.sizeBytes ?? 0
      const times = `in ${seconds(now - began)} (${seconds(now - asked)} including waiting)`
      note('Normal', 'Pulled', `Successfully pulled image "${image}" ${times}. Image size: ${size} bytes.`)
      this.#failed.delete(key)
      return { ok: true, ref }
    } catch (error) {
      if (signal.aborted || !(error instanceof RuntimeError) || error.isUnavailable) throw error
      const now = this.#clock.now()
      const count = (before?.count ?? 0) + 1
      // A code that says nothing is left out.
      const message = error.isUnknown ? error.message : error.rpcText
      this.#failed.set(key, {
        count,
        until: now + exponentialDelay(count - 1, backoff),
        message: `ErrImagePull: ${message}`,
      })
      note('Warning', 'Failed', `Failed to pull image "${image}": ${message}`)
      return this.#fail('ErrImagePull', message, note, now + failureShownFor)
    }
  }

  /** With each credential that fits, or with none; the last refusal counts. */
  async #pullWith(image: string, credentials: readonly RegistryCredentials[], signal: AbortSignal): Promise<string> {
    const tries: readonly (RegistryCredentials | undefined)[] = credentials.length === 0 ? [undefined] : credentials
    let last: unknown
    for (const each of tries) {
      try {
        return await this.#runtime.pullImage(image, each, signal)
      } catch (error) {
        if (signal.aborted) throw error
        last = error
      }
    }
    throw last
  }

  #fail(reason: string, message: string, note: ImageNote, retryAt = this.#clock.now() + retryAfter): ImageOutcome {
    note('Warning', 'Failed', `Error: ${reason}`)
    return { ok: false, failure: { reason, message, retryAt } }
  }

  /** Forgets what failed for a pod that is gone. */
  forget(podUid: string): void {
    for (const key of this.#failed.keys()) if (key.startsWith(`${podUid} `)) this.#failed.delete(key)
  }
}

/** As Go prints a duration rounded to milliseconds: `1.234s`, `56ms`, `1m2.5s`. */
function seconds(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds}ms`
  const minutes = Math.trunc(milliseconds / 60_000)
  const rest = `${Number(((milliseconds % 60_000) / 1000).toFixed(3))}s`
  return minutes === 0 ? rest : `${minutes}m${rest}`
}
