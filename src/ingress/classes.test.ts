import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IngressClass } from '#api/networking/v1/ingressClass.ts'
import { isOurs, ownController, usualIngressClass } from './classes.ts'

const classOf = (name: string, controller: string, labels: Record<string, string> = {}): IngressClass => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: { name, labels },
  spec: { controller },
})
const usual = classOf('nginx', usualIngressClass.spec.controller, usualIngressClass.metadata.labels)
const foreign = classOf('nginx', usualIngressClass.spec.controller, { 'app.kubernetes.io/name': 'ingress-nginx' })
const other = classOf('other', 'acme.example/controller', usualIngressClass.metadata.labels)
const own = classOf('own', ownController)

const rows: readonly {
  readonly name: string
  readonly classes: readonly IngressClass[]
  readonly field?: string
  readonly annotation?: string
  readonly ours: boolean
}[] = [
  { name: 'our class', classes: [usual, other], field: 'nginx', ours: true },
  { name: 'a class of our controller', classes: [own], field: 'own', ours: true },
  { name: 'the annotation from before', classes: [usual], annotation: 'nginx', ours: true },
  { name: 'neither', classes: [usual], ours: false },
  { name: 'an empty annotation', classes: [usual], annotation: '', ours: false },
  { name: 'a class that is not there', classes: [], field: 'nginx', ours: false },
  { name: 'a class of somebody else', classes: [usual, other], field: 'other', ours: false },
  {
    name: 'the field goes before the annotation',
    classes: [usual, other],
    field: 'other',
    annotation: 'nginx',
    ours: false,
  },
  { name: 'ingress-nginx has been installed', classes: [foreign], field: 'nginx', ours: false },
]

for (const { name, classes, field, annotation, ours } of rows) {
  test(`whose ingress: ${name}`, () => {
    const ingress = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: {
        name: 'a',
        ...(annotation === undefined ? {} : { annotations: { 'kubernetes.io/ingress.class': annotation } }),
      },
      spec: field === undefined ? {} : { ingressClassName: field },
    }
    assert.equal(
      isOurs(ingress, (wanted) => classes.find(({ metadata }) => metadata.name === wanted)),
      ours,
    )
  })
}
