// What the cluster is told of sites: two versions, their schemas, the rules in CEL, the columns of `kubectl get`.
import type { CustomResourceDefinition } from 'k8ts/api/apiextensions/v1/customResourceDefinition'
import type { JSONSchemaProps } from 'k8ts/api/apiextensions/v1/jsonSchema'
import type { WebhookClientConfig } from 'k8ts/api/admissionregistration/v1/webhook'
import type { Applied } from 'k8ts/client'

const host: JSONSchemaProps = {
  type: 'string',
  format: 'hostname',
  maxLength: 253,
  description: 'Where people find the site; chosen for you when absent.',
  'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a site cannot move to another host' }],
}
const replicas: JSONSchemaProps = {
  type: 'integer',
  format: 'int32',
  minimum: 0,
  maximum: 10,
  default: 1,
  description: 'How many pods serve the site.',
}
const page: JSONSchemaProps = { type: 'string', maxLength: 10_000, description: 'HTML.' }

const pages: JSONSchemaProps = {
  type: 'object',
  description: 'HTML by file name.',
  minProperties: 1,
  maxProperties: 20,
  additionalProperties: page,
  'x-kubernetes-validations': [
    { rule: "'index.html' in self", message: 'there must be an index.html' },
    {
      rule: "self.all(name, name.matches('^[a-z0-9-]{1,50}[.]html$'))",
      message: 'names are lower case letters, digits and "-", and end with .html',
    },
  ],
}

const status: JSONSchemaProps = {
  type: 'object',
  description: 'What the operator made of it.',
  properties: {
    observedGeneration: { type: 'integer', format: 'int64' },
    publishedGeneration: { type: 'integer', format: 'int64' },
    replicas: { type: 'integer', format: 'int32' },
    selector: { type: 'string' },
    conditions: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: {
        type: 'object',
        required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
        properties: {
          type: { type: 'string' },
          status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
          observedGeneration: { type: 'integer', format: 'int64' },
          lastTransitionTime: { type: 'string', format: 'date-time' },
          reason: { type: 'string' },
          message: { type: 'string' },
        },
      },
    },
  },
}

type Version = CustomResourceDefinition['spec']['versions'][number]

function version(name: string, replicasPath: string, storage: boolean, spec: Record<string, JSONSchemaProps>): Version {
  const required = Object.keys(spec).filter((field) => spec[field]!.default === undefined)
  return {
    name,
    served: true,
    storage,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        required: ['spec'],
        properties: {
          spec: { type: 'object', required, properties: spec, description: 'What the site should be.' },
          status,
        },
      },
    },
    subresources: {
      status: {},
      scale: {
        specReplicasPath: replicasPath,
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    },
    additionalPrinterColumns: [
      { name: 'Host', type: 'string', jsonPath: '.spec.host' },
      { name: 'Replicas', type: 'integer', jsonPath: replicasPath },
      { name: 'Available', type: 'string', jsonPath: '.status.conditions[?(@.type=="Available")].status' },
      { name: 'Published', type: 'integer', jsonPath: '.status.publishedGeneration', priority: 1 },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    // Kubernetes takes the same selectable fields for two versions only when their schemas are the same too.
    ...(storage ? { selectableFields: [{ jsonPath: '.spec.host' }] } : {}),
  }
}

/** The definition; `converter` is where the webhook for conversions answers. */
export function siteDefinition(converter: WebhookClientConfig): Applied<CustomResourceDefinition> {
  return {
    metadata: { name: 'sites.sites.example.com' },
    spec: {
      group: 'sites.example.com',
      names: { kind: 'Site', plural: 'sites', singular: 'site', listKind: 'SiteList', categories: ['all'] },
      scope: 'Namespaced',
      versions: [
        version('v1', '.spec.replicas', true, { host, replicas, pages }),
        version('v1beta1', '.spec.copies', false, { host, copies: replicas, html: page }),
      ],
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig: converter, conversionReviewVersions: ['v1'] },
      },
    },
  }
}
