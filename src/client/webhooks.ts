/** Serving webhooks: what an operator says about writes before they happen, and how objects get from version to version. */
import type { AdmissionRequest, AdmissionResponse, AdmissionReview } from '#api/admission/v1/admissionReview.ts'
import type { ConversionReview } from '#api/apiextensions/v1/conversionReview.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Component } from '#lib/component.ts'
import { untilAborted } from '#lib/async/abort.ts'
import { decodeJson } from '#lib/encoding/json.ts'
import { messageOf } from '#lib/errorText.ts'
import { BodyError, type HttpHandler } from '#lib/http/message.ts'
import { HttpServer } from '#lib/http/server.ts'
import { jsonPatchOf } from '#machinery/patch/jsonDifference.ts'
import { badRequest, StatusError, success, type Status } from '#machinery/status.ts'

/** A write that the API server asks about. */
export interface Asked<T extends KubeObject> extends Omit<AdmissionRequest, 'object' | 'oldObject'> {
  /** As it is to be; undefined for deletions. */
  readonly object: T | undefined
  /** As it was; undefined for creations. */
  readonly old: T | undefined
}

/** What is said to a write: why it must not happen, and what its author is warned of. Neither: nothing. */
export interface Verdict {
  readonly denied?: string
  readonly warnings?: readonly string[]
}

/** Answers a review, which is the body of a request, with a review. */
export type Reviewer = (review: Record<string, unknown>) => Promise<object>

/** A mutating webhook: returns the object as it should be instead, which may share parts with the one that was asked about. */
export function mutating<T extends KubeObject>(
  change: (asked: Asked<T>) => T | undefined | Promise<T | undefined>,
): Reviewer {
  return answering<T>(async (asked) => {
    const patch = jsonPatchOf(asked.object, (await change(asked)) ?? asked.object)
    return patch.length === 0 ? {} : { patchType: 'JSONPatch', patch: base64(JSON.stringify(patch)) }
  })
}

/** A validating webhook. */
export function validating<T extends KubeObject>(
  judge: (asked: Asked<T>) => Verdict | undefined | Promise<Verdict | undefined>,
): Reviewer {
  return answering<T>(async (asked) => {
    const { denied, warnings = [] } = (await judge(asked)) ?? {}
    return {
      ...(denied === undefined ? {} : refusal(new StatusError(failureOf(denied, 403)))),
      ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    }
  })
}

/**
 * A conversion webhook. `convert` is given each object that is in another version; it must keep everything that a way back
 * needs, and may change nothing of the metadata but labels and annotations.
 */
export function converting(convert: (object: KubeObject, apiVersion: string) => KubeObject): Reviewer {
  return (review) => {
    const { request } = review as Partial<ConversionReview>
    if (request === undefined) throw badRequest('a ConversionReview has a request')
    const { uid, objects, desiredAPIVersion } = request
    const response = { uid, convertedObjects: [] as KubeObject[], result: success({}) as object }
    try {
      response.convertedObjects = (objects as unknown as KubeObject[]).map((object) =>
        object.apiVersion === desiredAPIVersion ? object : convert(object, desiredAPIVersion),
      )
    } catch (error) {
      response.result = failureOf(messageOf(error), 500)
    }
    return Promise.resolve({ apiVersion: review['apiVersion'], kind: review['kind'], response })
  }
}

function answering<T extends KubeObject>(
  answer: (asked: Asked<T>) => Promise<Omit<AdmissionResponse, 'uid' | 'allowed'> & { readonly allowed?: boolean }>,
): Reviewer {
  return async (review) => {
    const { request } = review as Partial<AdmissionReview>
    if (request === undefined) throw badRequest('an AdmissionReview has a request')
    const { object, oldObject, ...rest } = request
    const asked = { ...rest, object: orUndefined<T>(object), old: orUndefined<T>(oldObject) }
    const said = await answer(asked).catch((error: unknown) => {
      // A refusal that was thrown is told as it is; anything else is a bug, and the server's failure policy decides.
      if (error instanceof StatusError) return refusal(error)
      throw error
    })
    const response = { uid: request.uid, allowed: true, ...said }
    return { apiVersion: review['apiVersion'], kind: review['kind'], response }
  }
}

function orUndefined<T>(value: unknown): T | undefined {
  return (value ?? undefined) as T | undefined
}

function refusal({ status }: StatusError): { allowed: false; status: NonNullable<AdmissionResponse['status']> } {
  return { allowed: false, status: status as unknown as NonNullable<AdmissionResponse['status']> }
}

function failureOf(message: string, code: number): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** The most bytes of a review: a conversion may carry a whole page of a list. */
const mostBytes = 64 * 1024 * 1024

const json = { 'content-type': 'application/json' }

/** Serves reviewers by path, such as `/mutate`. */
export function webhookHandler(reviewers: Readonly<Record<string, Reviewer>>): HttpHandler {
  return async (request, reply) => {
    const review = Object.hasOwn(reviewers, request.path) ? reviewers[request.path] : undefined
    if (review === undefined) {
      return reply.send(404, json, JSON.stringify(failureOf(`there is no webhook ${request.path}`, 404)))
    }
    try {
      const decoded = decodeJson(await request.readBody(mostBytes), { maxBytes: mostBytes })
      if ('problem' in decoded) throw badRequest(`the body is no JSON: ${decoded.problem}`)
      const answer = await review((decoded.value ?? {}) as Record<string, unknown>)
      reply.send(200, json, JSON.stringify(answer))
    } catch (error) {
      if (error instanceof BodyError)
        return reply.send(error.status, json, JSON.stringify(failureOf(error.message, error.status)))
      if (!(error instanceof StatusError)) throw error
      reply.send(error.code, json, JSON.stringify(error.status))
    }
  }
}

export interface WebhookServerOptions {
  readonly reviewers: Readonly<Record<string, Reviewer>>
  readonly port: number
  /** All addresses when absent. */
  readonly host?: string
  /** PEM texts. */
  readonly certificate: string
  readonly key: string
  readonly report?: (problem: string, error: unknown) => void
}

/** How long an answer under way may take when the server stops. */
const drainMilliseconds = 5_000

/** A server of webhooks as a part of a process. It is ready once it listens. */
export function webhookServer(options: WebhookServerOptions): Component {
  const { reviewers, port, host, certificate, key, report } = options
  return {
    name: 'webhooks',
    async run(ready, signal) {
      const http = new HttpServer({
        handler: webhookHandler(reviewers),
        tls: { certificate, key },
        onError: (error, { path }) => report?.(`Cannot answer ${path}`, error),
      })
      await http.listen({ ...(host === undefined ? {} : { host }), port })
      ready()
      await untilAborted(signal)
      await http.close(AbortSignal.timeout(drainMilliseconds))
    },
  }
}
