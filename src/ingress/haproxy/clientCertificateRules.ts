/** What HAProxy does with certificates of clients: it checks them in the handshake, which it never breaks off for them, and rules decide. */
import {
  certificateHeader,
  issuerHeader,
  subjectHeader,
  unvouched,
  verifyHeader,
} from '#ingress/node/clientCertificate.ts'
import type { ClientAuthority, ClientCertificateRule } from '#ingress/routing.ts'
import { filterLine } from './authenticationRules.ts'
import { translatePattern } from './pattern.ts'
import type { SectionContext } from './section.ts'
import { page, quoted, quotedFormat } from './words.ts'

/** Options of a certificate in the list of them, for who asks for its hosts. */
export function listedOptions(clients: ClientAuthority, file: (kind: string, content: string) => string): string {
  const revoked = clients.revoked === undefined ? '' : ` crl-file ${file('revoked', clients.revoked)}`
  return `[verify optional ca-file ${file('authority', clients.authority)}${revoked}]`
}

/** Of all places with TLS: what is wrong with a certificate is for rules, and each connection brings the whole chain. */
export const bindOptions = ' crt-ignore-err all ca-ignore-err all no-tls-tickets'

const has = '{ ssl_c_used }'

/** Rules of a section whose clients are checked; HAProxy knows no bound for chains, so the agent looks at them once for a connection. */
export function clientCertificateRules(context: SectionContext, rule: ClientCertificateRule): readonly string[] {
  const { authority, depth, demand, subject, errorPage, passesCertificate } = rule
  const known = context.agentRule({ clients: { authority, depth } })
  const answer = (status: number, where: string): string =>
    `http-request return status ${status} content-type 'text/html; charset=utf-8' file ${context.file('body', page(status))} if ${where}`
  const refuse = (where: string): string =>
    errorPage === undefined
      ? answer(400, where)
      : `http-request redirect code 302 location ${quotedFormat(errorPage, 'the page for clients without a certificate')} if ${where}`
  const isChecked = `{ var(sess.agent.checked) -m str ${known} }`
  const good = ['0', ...(demand === 'unchecked' ? unvouched.map(({ number }) => String(number)) : [])]
  return [
    filterLine(context),
    ...(demand === 'required' ? [answer(403, '!{ ssl_fc }')] : []),
    answer(421, '{ ssl_fc } !{ ssl_fc_sni,lower,rtrim(.),strcmp(txn.host) eq 0 }'),
    ...(demand === 'required' ? [refuse(`!${has}`)] : []),
    refuse(`${has} !{ ssl_c_verify ${good.join(' ')} }`),
    `http-request set-var(txn.rule) str(${known})`,
    `http-request send-spoe-group agent certificate if ${has} { ssl_c_verify 0 } !${isChecked}`,
    refuse(`${has} { ssl_c_verify 0 } !${isChecked}`),
    ...(subject === undefined ? [] : subjectRules(context, subject, answer)),
    ...[verifyHeader, subjectHeader, issuerHeader, certificateHeader].map((name) => `http-request del-header ${name}`),
    `http-request set-header ${verifyHeader} NONE if !${has}`,
    `http-request set-header ${verifyHeader} SUCCESS if ${has} { ssl_c_verify 0 }`,
    ...(demand === 'unchecked'
      ? unvouched.map(
          ({ number, text }) =>
            `http-request set-header ${verifyHeader} ${quoted(`FAILED:${text}`, 'a problem')} if ${has} { ssl_c_verify ${number} }`,
        )
      : []),
    `http-request set-header ${subjectHeader} %[ssl_c_s_dn(,0,rfc2253)] if ${has}`,
    `http-request set-header ${issuerHeader} %[ssl_c_i_dn(,0,rfc2253)] if ${has}`,
    ...(passesCertificate ? [`http-request set-header ${certificateHeader} '${escapedPem}' if ${has}`] : []),
  ]
}

/** PEM with lines of 64 characters, escaped as a part of an address. */
const escapedPem =
  '-----BEGIN%%20CERTIFICATE-----%%0A' +
  '%[ssl_c_der,base64,regsub("(.{64})","\\1_",g),regsub(_$,),regsub(\\\\+,%2B,g),regsub(/,%2F,g),regsub(=,%3D,g),regsub(_,%0A,g)]' +
  '%%0A-----END%%20CERTIFICATE-----%%0A'

function subjectRules(
  context: SectionContext,
  subject: string,
  answer: (status: number, where: string) => string,
): readonly string[] {
  const file = context.file('pattern', `${translatePattern(subject, `the pattern "${subject}"`)}\n`)
  return [answer(403, `!{ ssl_c_s_dn(,0,rfc2253) -m reg -f ${file} }`)]
}
