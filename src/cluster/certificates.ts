import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Files } from '#lib/host/files.ts'
import { removerGroup, removerOf } from '#machinery/localVolumes.ts'
import type { RequestHeaderConfiguration } from '#server/authenticate/requestHeader.ts'
import {
  certificatePem,
  createAuthority,
  generateKey,
  issueCertificate,
  privateKeyPem,
  type AlternativeNames,
  type Authority,
  type ExtendedUsage,
  type Subject,
} from '#lib/pki/certificate.ts'

/** A certificate and its key, both as PEM. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

/** What a control plane needs to be trusted and to know whom to trust. */
export interface ClusterCertificates {
  /** PEM of the authority that signed everything here. */
  readonly authority: string
  readonly signer: Authority
  readonly apiServer: Credentials
  /** With which the API server calls kubelets. */
  readonly kubeletClient: Credentials
  /** PEM of the authority that vouches for servers which ask in the name of others, and for nobody else. */
  readonly frontProxyAuthority: string
  /** With which the API server asks servers that extend its API. */
  readonly frontProxyClient: Credentials
  /** PEM key that signs service-account tokens. */
  readonly tokenKey: string
}

const year = 365 * 24 * 3_600_000
const lifetime = 10 * year
/** Clocks of machines that join may be a little behind. */
const leeway = 300_000

/** The user as which proxy, routes and DNS of a worker read what nodes may not. */
export const proxyUser = 'system:kube-proxy'

/** The user as which a worker reads what its ingresses need. */
export const ingressUser = 'k8ts:ingress'
/** The user who gives ingresses their addresses. */
export const ingressControllerUser = 'k8ts:ingress-controller'

export const kubeletClientName = 'kube-apiserver-kubelet-client'

/** As whom the API server asks servers that extend its API. */
export const frontProxyName = 'front-proxy-client'

/** Reads the certificates of a cluster, making those that are not there. `names` are the ways to reach the API server. */
export async function ensureCertificates(
  files: Files,
  folder: string,
  now: number,
  names: AlternativeNames,
): Promise<ClusterCertificates> {
  await files.makeFolder(folder, 0o700)
  const signer = await ensureAuthority(files, `${folder}/ca`, 'kubernetes', now)
  const frontProxySigner = await ensureAuthority(files, `${folder}/front-proxy-ca`, 'front-proxy-ca', now)
  const made = async (
    name: string,
    subject: Subject,
    usage: ExtendedUsage,
    alternatives: AlternativeNames = {},
    by: Authority = signer,
  ): Promise<Credentials> => {
    const known = await readCredentials(files, `${folder}/${name}`)
    if (known !== undefined && coversNames(known.certificate, alternatives)) return known
    const credentials = issue(by, now, subject, usage, alternatives)
    await writeCredentials(files, `${folder}/${name}`, credentials)
    return credentials
  }
  return {
    authority: certificatePem(signer.certificate),
    signer,
    apiServer: await made('apiserver', { commonName: 'kube-apiserver' }, 'serverAuth', names),
    kubeletClient: await made(
      'kubelet-client',
      { commonName: kubeletClientName, organizations: ['kubeadm:cluster-admins'] },
      'clientAuth',
    ),
    frontProxyAuthority: certificatePem(frontProxySigner.certificate),
    frontProxyClient: await made(
      'front-proxy-client',
      { commonName: frontProxyName },
      'clientAuth',
      {},
      frontProxySigner,
    ),
    tokenKey: await ensureKey(files, `${folder}/service-account.key`),
  }
}

/** A new key with a certificate for it, good for ten years. */
export function issue(
  signer: Authority,
  now: number,
  subject: Subject,
  usage: ExtendedUsage,
  alternatives: AlternativeNames = {},
): Credentials {
  const keys = generateKey()
  const certificate = issueCertificate(signer, {
    subject,
    publicKey: keys.publicKey,
    extendedUsages: [usage],
    notBefore: now - leeway,
    notAfter: now + lifetime,
    ...alternatives,
  })
  return { certificate: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
}

/** The identity of a node's agent (KEP-279: user `system:node:NAME`, group `system:nodes`). */
export function issueNodeClient(signer: Authority, now: number, node: string): Credentials {
  return issue(signer, now, { commonName: `system:node:${node}`, organizations: ['system:nodes'] }, 'clientAuth')
}

/** The identity as which proxy, routes and DNS of a node read services, endpoints and nodes. */
export function issueProxyClient(signer: Authority, now: number): Credentials {
  return issue(signer, now, { commonName: proxyUser }, 'clientAuth')
}

/** The identity as which nodes read ingresses and the Secrets that those name. */
export function issueIngressClient(signer: Authority, now: number): Credentials {
  return issue(signer, now, { commonName: ingressUser }, 'clientAuth')
}

/** The identity as which the part of a node that removes directories of volumes reports of them. */
export function issueVolumesClient(signer: Authority, now: number, node: string): Credentials {
  return issue(signer, now, { commonName: removerOf(node), organizations: [removerGroup] }, 'clientAuth')
}

/** What a node's agent shows to the API server when it is asked for logs or to run something. */
export function issueNodeServer(
  signer: Authority,
  now: number,
  node: string,
  addresses: readonly string[],
): Credentials {
  return issue(signer, now, { commonName: `system:node:${node}`, organizations: ['system:nodes'] }, 'serverAuth', {
    dnsNames: [node],
    addresses: [...addresses],
  })
}

/** The identity of the person who made the cluster. */
export function issueAdministrator(signer: Authority, now: number): Credentials {
  return issue(signer, now, { commonName: 'kubernetes-admin', organizations: ['system:masters'] }, 'clientAuth')
}

export async function readCredentials(files: Files, path: string): Promise<Credentials | undefined> {
  const [certificate, key] = [await files.readText(`${path}.crt`), await files.readText(`${path}.key`)]
  return certificate === undefined || key === undefined ? undefined : { certificate, key }
}

/** Writes the key first: a certificate without a key would look whole to the next reader. */
export async function writeCredentials(files: Files, path: string, credentials: Credentials): Promise<void> {
  await files.write(`${path}.key`, credentials.key, { mode: 0o600, sync: true })
  await files.write(`${path}.crt`, credentials.certificate, { mode: 0o644, sync: true })
}

async function ensureAuthority(files: Files, path: string, commonName: string, now: number): Promise<Authority> {
  const known = await readCredentials(files, path)
  if (known !== undefined) {
    return { certificate: new X509Certificate(known.certificate), privateKey: createPrivateKey(known.key) }
  }
  const authority = createAuthority({ commonName }, { notBefore: now - leeway, notAfter: now + lifetime })
  await writeCredentials(files, path, {
    certificate: certificatePem(authority.certificate),
    key: privateKeyPem(authority.privateKey),
  })
  return authority
}

async function ensureKey(files: Files, path: string): Promise<string> {
  const known = await files.readText(path)
  if (known !== undefined) return known
  const key = privateKeyPem(generateKey().privateKey)
  await files.write(path, key, { mode: 0o600, sync: true })
  return key
}

/** Whether a certificate that was made earlier is good for all these names; addresses may have changed since. */
function coversNames(pem: string, { dnsNames = [], addresses = [] }: AlternativeNames): boolean {
  const certificate = new X509Certificate(pem)
  return (
    dnsNames.every((name) => certificate.checkHost(name) !== undefined) &&
    addresses.every((address) => certificate.checkIP(address) !== undefined)
  )
}

/** By which headers servers tell each other for whom they ask: those that Kubernetes' own servers send. */
export function frontProxyHeaders({
  frontProxyAuthority,
}: Pick<ClusterCertificates, 'frontProxyAuthority'>): RequestHeaderConfiguration {
  return {
    authority: frontProxyAuthority,
    allowedNames: [frontProxyName],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: ['X-Remote-Uid'],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  }
}
