// Which ingresses are ours.
import type { Ingress } from '#api/networking/v1/ingress.ts'
import type { IngressClass } from '#api/networking/v1/ingressClass.ts'

/** Classes of this controller are always ours. */
export const ownController = 'k8ts.dev/ingress'
/** The class that every cluster begins with, under the controller's name that manifests expect. */
export const usualClass = 'nginx'
const usualController = 'k8s.io/ingress-nginx'
const nameLabel = 'app.kubernetes.io/name'
const ownName = 'k8ts-ingress'
const legacyAnnotation = 'kubernetes.io/ingress.class'

/** The class that every cluster begins with. Whoever installs ingress-nginx writes his labels over ours and has it. */
export const usualIngressClass = {
  metadata: {
    name: usualClass,
    labels: { 'app.kubernetes.io/component': 'controller', [nameLabel]: ownName },
  },
  spec: { controller: usualController },
}

/** Whether we serve the ingresses of a class. */
export function isOurClass({ metadata, spec }: IngressClass): boolean {
  if (spec.controller === ownController) return true
  return spec.controller === usualController && metadata.labels?.[nameLabel] === ownName
}

/** Whether we serve an ingress: by its class, else by the annotation from before there were classes. */
export function isOurs(ingress: Ingress, classOf: (name: string) => IngressClass | undefined): boolean {
  const annotation = ingress.metadata.annotations?.[legacyAnnotation]
  const name = ingress.spec.ingressClassName ?? annotation
  if (name === undefined || name === '') return false
  const found = classOf(name)
  return found !== undefined && isOurClass(found) && ingress.metadata.deletionTimestamp === undefined
}
