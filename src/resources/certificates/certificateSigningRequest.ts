import { X509Certificate } from 'node:crypto'
import {
  certificateSigningRequests,
  type CertificateSigningRequest,
  type CertificateSigningRequestCondition,
} from '#api/certificates/v1/certificateSigningRequest.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { messageOf } from '#lib/errorText.ts'
import { readPemBlocks } from '#lib/pki/pem.ts'
import { readRequest } from '#lib/pki/request.ts'
import { humanDuration } from '#machinery/humanDuration.ts'
import { timeText } from '#machinery/time.ts'
import { quoteString, type Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { difference } from '#resources/difference.ts'
import { metadataWithStatus, statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkSignerName } from './signerName.ts'

type Request = CertificateSigningRequest
type Condition = CertificateSigningRequestCondition

/** Certificates that are asked for. */
export const certificateSigningRequestStrategy: Strategy<CertificateSigningRequest> = {
  resource: certificateSigningRequests,
  nameRule: 'path-segment',
  reserved: ['status'],
  unconditionalUpdate: true,
  generation: false,
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
  columns: [
    nameColumn,
    ageColumn,
    { name: 'SignerName', description: 'Who is to sign.', value: ({ spec }) => spec.signerName || '<none>' },
    { name: 'Requestor', description: 'Who asks.', value: ({ spec }) => spec.username ?? '' },
    {
      name: 'RequestedDuration',
      description: 'How long the certificate should be valid.',
      value: ({ spec: { expirationSeconds: seconds } }) =>
        seconds === undefined ? '<none>' : humanDuration(seconds * 1_000),
    },
    { name: 'Condition', description: 'Whether it was approved and issued.', value: conditionText },
  ],
  subresources: {
    status: {
      ...statusSubresource,
      prepare(request, old, { now }) {
        for (const type of decisions) keepConditions(request, old, type)
        fillTimes(request, old, now)
      },
      validate(request, old, report) {
        checkStatus(request, old, report)
        checkDecisionsStay(request, old, report)
        const [certificate = '', before = ''] = [request.status?.certificate, old.status?.certificate]
        if (before === '' || certificate === before) return
        report.at('status', 'certificate').forbidden('updates may not modify existing certificate content')
      },
    },
    approval: {
      verbs: ['get', 'update', 'patch'],
      writes: ['status.conditions', ...metadataWithStatus],
      prepare: (request, old, { now }) => fillTimes(request, old, now),
      validate: checkStatus,
    },
  },
  // Who asks is told by the server, and what is asked never changes.
  prepare(request, old, { caller: { name, uid = '', groups, extra = {} } }) {
    if (old !== undefined) {
      request.spec = structuredClone(old.spec)
      return
    }
    const { username: _, uid: __, groups: ___, extra: ____, ...spec } = request.spec
    request.spec = { ...spec, username: name, groups: [...groups] }
    if (uid !== '') request.spec.uid = uid
    const more = Object.entries(extra).map(([key, values]): [string, string[]] => [key, [...values]])
    if (more.length > 0) request.spec.extra = Object.fromEntries(more)
  },
  validate(request, old, report) {
    if (old === undefined) checkSpec(request, report.at('spec'))
  },
}

const keyUsages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]

const shortestExpiration = 600

function checkSpec({ spec }: Request, report: Report): void {
  const { request = '', usages = [], signerName = '', expirationSeconds } = spec
  try {
    readRequest(Buffer.from(request, 'base64').toString('latin1'))
  } catch (error) {
    report.at('request').invalid(request, messageOf(error))
  }
  if (usages.length === 0) report.at('usages').required('usages must be provided')
  for (const [index, usage] of usages.entries()) {
    if (!keyUsages.includes(usage)) report.at('usages', index).notSupported(usage, keyUsages)
  }
  for (const [index, usage] of usages.entries()) {
    if (usages.indexOf(usage) < index) report.at('usages', index).duplicate(usage)
  }
  if (signerName === 'kubernetes.io/legacy-unknown') {
    report.at('signerName').invalid(signerName, 'the legacy signerName is not allowed via this API version')
  } else checkSignerName(signerName, report.at('signerName'))
  if (expirationSeconds !== undefined && expirationSeconds < shortestExpiration) {
    report
      .at('expirationSeconds')
      .invalid(expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)')
  }
}

/** Facts that only ever hold, and stay; the first two exclude each other. */
const decisions = ['Approved', 'Denied'] as const
const lasting: readonly string[] = [...decisions, 'Failed']

const ofType = (request: Request, type: string): readonly Condition[] =>
  (request.status?.conditions ?? []).filter((condition) => condition.type === type)

function checkStatus(request: Request, old: Request, report: Report): void {
  const place = report.at('status', 'conditions')
  const conditions = request.status?.conditions ?? []
  for (const [index, { type = '', status }] of conditions.entries()) {
    const one = place.at(index)
    if (type === '') one.at('type').required()
    const allowed = lasting.includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    if (status === undefined || (status as string) === '') one.at('status').required()
    else if (!allowed.includes(status)) one.at('status').notSupported(status, allowed)
    const others = conditions.slice(0, index).map((condition) => condition.type)
    const opposite = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined
    if (opposite !== undefined && others.includes(opposite)) {
      one.at('type').invalid(type, 'Approved and Denied conditions are mutually exclusive')
    }
    if (others.includes(type)) one.at('type').duplicate(type)
  }
  const { certificate = '' } = request.status ?? {}
  const problem = certificate === (old.status?.certificate ?? '') ? undefined : certificateProblem(certificate)
  if (problem !== undefined) report.at('status', 'certificate').invalid('<certificate data>', problem)
  for (const type of lasting) {
    if (ofType(request, type).length < ofType(old, type).length) {
      place.forbidden(`updates may not remove a condition of type ${quoteString(type)}`)
    }
  }
}

/** Only who may approve changes what was decided. */
function checkDecisionsStay(request: Request, old: Request, report: Report): void {
  const place = report.at('status', 'conditions')
  for (const type of decisions) {
    const [now, before] = [ofType(request, type), ofType(old, type)]
    if (now.length > before.length) place.forbidden(`updates may not add a condition of type ${quoteString(type)}`)
    else if (now.length === before.length && !sameJson(now, before)) {
      const changes = difference(now, before)
      place.forbidden(`updates may not modify a condition of type ${quoteString(type)}\n${changes}`)
    }
  }
}

function certificateProblem(encoded: string): string | undefined {
  if (encoded === '') return undefined
  const blocks = readPemBlocks(Buffer.from(encoded, 'base64').toString('latin1'))
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block'
  for (const { type, hasHeaders, bytes } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${quoteString(type)}`
    if (hasHeaders) return 'no PEM block headers are permitted'
    try {
      void new X509Certificate(bytes)
    } catch (error) {
      return messageOf(error)
    }
  }
  return undefined
}

/** A status that says nothing new of what was decided takes it over as it is. */
function keepConditions(request: Request, old: Request, type: string): void {
  const before = ofType(old, type)
  const conditions = request.status?.conditions
  if (conditions === undefined || ofType(request, type).length !== before.length) return
  let next = 0
  for (const [index, condition] of conditions.entries()) {
    if (condition.type === type) conditions[index] = structuredClone(before[next++]!)
  }
}

function fillTimes(request: Request, old: Request, now: number): void {
  for (const condition of request.status?.conditions ?? []) {
    condition.lastUpdateTime ??= timeText(now)
    const before = ofType(old, condition.type).find(({ status }) => status === condition.status)
    condition.lastTransitionTime ??= before?.lastTransitionTime ?? timeText(now)
  }
}

function conditionText(request: Request): string {
  const is = (type: string): boolean => ofType(request, type).length > 0
  const decided = is('Denied') ? 'Denied' : is('Approved') ? 'Approved' : 'Pending'
  const issued = (request.status?.certificate ?? '') === '' ? '' : ',Issued'
  return decided + (is('Failed') ? ',Failed' : '') + issued
}
