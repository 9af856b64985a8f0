import { ingressClasses } from '#api/networking/v1/ingressClass.ts'
import { ingresses, type Ingress } from '#api/networking/v1/ingress.ts'
import { findDefault } from '#machinery/defaultClass.ts'
import { concerns, type AdmissionPlugin } from './chain.ts'

/** How ingresses named their class before there was a field for it. */
const classAnnotation = 'kubernetes.io/ingress.class'

/** Ingresses that name no class are of the default class. */
export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  admit(request, cluster) {
    if (request.operation !== 'CREATE' || !concerns(request, ingresses)) return
    const ingress = request.object as Ingress
    if (ingress.spec?.ingressClassName !== undefined) return
    if (ingress.metadata.annotations?.[classAnnotation] !== undefined) return
    const found = findDefault(cluster.list(ingressClasses, ''), ['ingressclass.kubernetes.io/is-default-class'])
    if (found !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: found.metadata.name }
  },
}
