import { jobs, type Job } from '#api/batch/v1/job.ts'
import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Draft } from '#client/client.ts'
import { podFromTemplate } from '../podTemplate.ts'
import { meaningOf } from './failurePolicy.ts'
import {
  failureCountAnnotation,
  failuresBefore,
  ignoredCountAnnotation,
  indexAnnotation,
  noIndex,
  trackingFinalizer,
} from './jobPods.ts'

const indexVariable = 'JOB_COMPLETION_INDEX'
/** What is left of a name for what comes before the five random characters. */
const longestBase = 63 - 5

/** A pod of a job, for an index unless that is `noIndex`. `replaced` is the failed pod of the index whose failures it goes on counting. */
export function draftPod(job: Job, index: number, replaced?: Pod): Draft<Pod> {
  const plain = podFromTemplate(job.spec.template, { resource: jobs, object: job })
  const finalizers = plain.metadata.finalizers ?? []
  const metadata = {
    ...plain.metadata,
    finalizers: finalizers.includes(trackingFinalizer) ? finalizers : [...finalizers, trackingFinalizer],
  }
  if (index === noIndex) return { ...plain, metadata }
  const { spec } = plain
  const ofIndex = { [indexAnnotation]: String(index) }
  return {
    metadata: {
      ...metadata,
      generateName: nameBase(job.metadata.name, index),
      labels: { ...metadata.labels, ...ofIndex },
      annotations: {
        ...metadata.annotations,
        ...ofIndex,
        ...(job.spec.backoffLimitPerIndex === undefined ? {} : failureAnnotations(job, replaced)),
      },
    },
    spec: {
      ...spec,
      hostname: `${job.metadata.name}-${index}`,
      containers: spec.containers.map(withIndexVariable),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withIndexVariable) }),
    },
  }
}

function nameBase(name: string, index: number): string {
  const end = `-${index}-`
  return `${name.slice(0, longestBase - end.length)}${end}`
}

/** A variable of its own wins. */
function withIndexVariable(container: Container): Container {
  const { env = [] } = container
  if (env.some(({ name }) => name === indexVariable)) return container
  const fieldRef = { fieldPath: `metadata.labels['${indexAnnotation}']` }
  return { ...container, env: [...env, { name: indexVariable, valueFrom: { fieldRef } }] }
}

/** How often the index has failed, the pod that is replaced included. */
function failureAnnotations(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (replaced === undefined) return { [failureCountAnnotation]: '0' }
  const before = failuresBefore(replaced)
  const { counts } = meaningOf(job.spec.podFailurePolicy, replaced)
  const ignored = before.ignored + (counts ? 0 : 1)
  return {
    [failureCountAnnotation]: String(before.counted + (counts ? 1 : 0)),
    ...(ignored === 0 ? {} : { [ignoredCountAnnotation]: String(ignored) }),
  }
}
