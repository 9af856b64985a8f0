import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toOpenApiV3 } from './openApiConversion.ts'
import { openApiPart } from './openApiPart.ts'

test('a document of version 2 says the same in version 3', () => {
  const schema = { $ref: '#/definitions/Thing' }
  const document = {
    swagger: '2.0',
    info: { title: 'Things', version: '7' },
    paths: {
      '/apis/g/v1/things': {
        parameters: [{ $ref: '#/parameters/pretty' }],
        post: {
          operationId: 'createThing',
          consumes: ['application/json', 'application/yaml'],
          schemes: ['https'],
          parameters: [
            { name: 'body', in: 'body', required: true, description: 'The thing.', schema },
            { name: 'dryRun', in: 'query', type: 'string', uniqueItems: true },
          ],
          responses: {
            201: { description: 'Created', schema },
            401: { $ref: '#/responses/Unauthorized' },
            409: { $ref: '#/responses/Lost' },
          },
          'x-kubernetes-action': 'post',
        },
        'x-note': 1,
      },
    },
    definitions: { Thing: { properties: { parent: schema, others: { type: 'array', items: schema } } } },
    parameters: { pretty: { name: 'pretty', in: 'query', type: 'string', description: 'For people.' } },
    responses: { Unauthorized: { description: 'Unauthorized' } },
  }
  const reference = { $ref: '#/components/schemas/Thing' }
  assert.deepEqual(toOpenApiV3(openApiPart(document, 'g', 'v1')), {
    openapi: '3.0.0',
    info: { title: 'Things', version: '7' },
    paths: {
      '/apis/g/v1/things': {
        parameters: [{ name: 'pretty', in: 'query', description: 'For people.', schema: { type: 'string' } }],
        post: {
          operationId: 'createThing',
          'x-kubernetes-action': 'post',
          parameters: [{ name: 'dryRun', in: 'query', schema: { type: 'string', uniqueItems: true } }],
          requestBody: {
            description: 'The thing.',
            required: true,
            content: { 'application/json': { schema: reference }, 'application/yaml': { schema: reference } },
          },
          responses: {
            201: { description: 'Created', content: { 'application/json': { schema: reference } } },
            401: { description: 'Unauthorized' },
            409: { $ref: '#/responses/Lost' },
          },
        },
        'x-note': 1,
      },
    },
    components: {
      schemas: { Thing: { properties: { parent: reference, others: { type: 'array', items: reference } } } },
    },
  })
  assert.deepEqual(toOpenApiV3(openApiPart({}, 'g', 'v1')).paths, {})
})
