// Certificates and keys of a server alone: those that the configuration names, and for the rest those that it makes.
import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { serviceAddresses } from '#cluster/config.ts'
import { serviceNames } from '#cluster/addresses.ts'
import {
  ensureCertificates,
  frontProxyHeaders,
  type ClusterCertificates,
  type Credentials,
} from '#cluster/certificates.ts'
import type { Surroundings } from '#cluster/commands/command.ts'
import { messageOf } from '#lib/errorText.ts'
import type { ClientTls } from '#lib/http/client.ts'
import type { TlsIdentity } from '#lib/http/server.ts'
import { isUnspecified, parseIp } from '#lib/net/ip.ts'
import { readCertificates } from '#lib/pki/certificate.ts'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import type { RequestHeaderConfiguration } from '#server/authenticate/requestHeader.ts'
import type { AggregationOptions } from '#server/extensions/aggregation/aggregation.ts'
import type { ClusterTrust } from '#server/extensions/aggregation/clusterTrust.ts'
import { madeParts, type ServerSettings } from './settings.ts'

/** What the server shows and whom it believes: read anew while it runs. */
export interface ServerIdentity {
  readonly tls: TlsIdentity
  /** Absent where certificates of front proxies are not known. */
  readonly trust: ClusterTrust | undefined
}

export interface ServerCredentials extends ServerIdentity {
  /** Absent where everything is given. */
  readonly made: ClusterCertificates | undefined
  /** Signs tokens of service accounts. */
  readonly tokenKey: KeyObject
  /** By these keys tokens are known, the signer's first. */
  readonly tokenKeys: readonly KeyObject[]
  readonly kubelets: ClientTls
  readonly aggregation: AggregationOptions
}

/** Reads a file that a setting names; `setting` is told in errors. */
export type ReadFile = (path: string, setting: string) => Promise<string>

const mostBytes = 1024 * 1024

/** Reads files that settings name. Rejects with SettingsError. */
export function fileReader({ host: { files } }: Pick<Surroundings, 'host'>): ReadFile {
  return async (path, setting) => {
    let text: string | undefined
    try {
      text = await files.readText(path, mostBytes)
    } catch (error) {
      throw new SettingsError(`${setting}: cannot read ${path}: ${messageOf(error)}`)
    }
    if (text === undefined) throw new SettingsError(`${setting}: there is no file ${path}`)
    return text
  }
}

/** Reads what the settings name, and makes what they do not. */
export async function readCredentials(
  { host, clock }: Pick<Surroundings, 'host' | 'clock'>,
  settings: ServerSettings,
  readFile: ReadFile,
): Promise<ServerCredentials> {
  const { dataDirectory, serviceAccounts, listen, services, certificate } = settings
  const own = [listen.address, listen.advertiseAddress ?? '127.0.0.1', ...certificate.names]
  const addresses = own.filter((each) => parseIp(each) !== undefined && !isUnspecified(parseIp(each)!))
  const made =
    madeParts(settings).length === 0
      ? undefined
      : await ensureCertificates(host.files, `${dataDirectory!}/pki`, clock.now(), {
          dnsNames: [
            ...serviceNames('cluster.local'),
            ...certificate.names.filter((each) => parseIp(each) === undefined),
          ],
          addresses: [
            ...new Set([
              ...serviceAddresses({ serviceRange: services.addresses }, 1),
              '127.0.0.1',
              '::1',
              ...addresses,
            ]),
          ],
        })
  const identity = await readIdentity(settings, made, readFile)
  const { signingKeyFile, keyFiles } = serviceAccounts
  const tokenKey = privateKey(
    signingKeyFile === undefined ? made!.tokenKey : await readFile(signingKeyFile, 'serviceAccounts.signingKeyFile'),
    signingKeyFile ?? '',
    'serviceAccounts.signingKeyFile',
  )
  const further: KeyObject[] = []
  for (const [index, path] of keyFiles.entries()) {
    const setting = `serviceAccounts.keyFiles[${index}]`
    further.push(...publicKeys(await readFile(path, setting), path, setting))
  }
  return {
    ...identity,
    made,
    tokenKey,
    tokenKeys: [createPublicKey(tokenKey), ...further],
    kubelets: await kubeletIdentity(settings.kubelets, made, readFile),
    aggregation: await aggregationOf(settings, made, identity.trust, readFile),
  }
}

/** The files of which an identity is made that the settings name. */
export function identityFiles({ certificate, authentication }: ServerSettings): readonly string[] {
  const { certificateFile, keyFile } = certificate
  const { clientAuthorityFile, frontProxy } = authentication
  return [certificateFile, keyFile, clientAuthorityFile, frontProxy?.authorityFile].filter((path) => path !== undefined)
}

/** Reads what the settings name of a server's identity; the rest is what the server made. Rejects with SettingsError. */
export async function readIdentity(
  { certificate, authentication }: ServerSettings,
  made: ClusterCertificates | undefined,
  readFile: ReadFile,
): Promise<ServerIdentity> {
  const shown = await servingIdentity(certificate, made, readFile)
  const { clientAuthorityFile, frontProxy } = authentication
  const clientAuthority =
    clientAuthorityFile === undefined
      ? made!.authority
      : await authorities(readFile, clientAuthorityFile, 'authentication.clientAuthorityFile')
  const requestHeader =
    frontProxy === undefined ? made && frontProxyHeaders(made) : await givenProxies(frontProxy, readFile)
  const proxies = requestHeader?.authority
  return {
    // What TLS has checked is looked at again: a certificate of a front proxy makes nobody a user.
    tls: { ...shown, clientAuthority: proxies === undefined ? clientAuthority : `${clientAuthority}\n${proxies}` },
    trust: requestHeader === undefined ? undefined : { clientAuthority, requestHeader },
  }
}

async function servingIdentity(
  { certificateFile, keyFile }: ServerSettings['certificate'],
  made: ClusterCertificates | undefined,
  readFile: ReadFile,
): Promise<Pick<TlsIdentity, 'certificate' | 'key'>> {
  if (certificateFile === undefined || keyFile === undefined) return made!.apiServer
  return givenPair({ certificateFile, keyFile }, 'certificate', readFile)
}

/** How this server and those that extend its API know each other. */
async function aggregationOf(
  { aggregation }: ServerSettings,
  made: ClusterCertificates | undefined,
  trust: ClusterTrust | undefined,
  readFile: ReadFile,
): Promise<AggregationOptions> {
  const identity =
    aggregation === undefined ? made?.frontProxyClient : await givenPair(aggregation, 'aggregation', readFile)
  return { ...(identity === undefined ? {} : { identity }), ...(trust === undefined ? {} : { trust }) }
}

async function givenProxies(
  { authorityFile, ...headers }: NonNullable<ServerSettings['authentication']['frontProxy']>,
  readFile: ReadFile,
): Promise<RequestHeaderConfiguration> {
  return {
    ...headers,
    authority: await authorities(readFile, authorityFile, 'authentication.frontProxy.authorityFile'),
  }
}

async function givenPair(
  { certificateFile, keyFile }: { readonly certificateFile: string; readonly keyFile: string },
  setting: string,
  readFile: ReadFile,
): Promise<Credentials> {
  const pair = {
    certificate: await authorities(readFile, certificateFile, `${setting}.certificateFile`),
    key: await readFile(keyFile, `${setting}.keyFile`),
  }
  checkPair(pair, certificateFile, keyFile, `${setting}.keyFile`)
  return pair
}

async function kubeletIdentity(
  named: ServerSettings['kubelets'],
  made: ClusterCertificates | undefined,
  readFile: ReadFile,
): Promise<ClientTls> {
  if (named === undefined) return { authority: made!.authority, ...made!.kubeletClient }
  const { authorityFile } = named
  const pair = await givenPair(named, 'kubelets', readFile)
  return { authority: await authorities(readFile, authorityFile, 'kubelets.authorityFile'), ...pair }
}

function checkPair(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  certificateFile: string,
  keyFile: string,
  setting: string,
): void {
  if (!new X509Certificate(certificate).checkPrivateKey(privateKey(key, keyFile, setting))) {
    throw new SettingsError(`${setting}: ${keyFile} is not the key of the certificate in ${certificateFile}`)
  }
}

/** The text of a file with certificates. */
async function authorities(readFile: ReadFile, path: string, setting: string): Promise<string> {
  const pem = await readFile(path, setting)
  try {
    readCertificates(pem)
  } catch (error) {
    throw new SettingsError(`${setting}: ${path}: ${messageOf(error)}`)
  }
  return pem
}

function privateKey(pem: string, path: string, setting: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new SettingsError(`${setting}: ${path} holds no private key as PEM: ${messageOf(error)}`)
  }
}

/** Keys of a file, each public, private or in a certificate. */
function publicKeys(pem: string, path: string, setting: string): readonly KeyObject[] {
  const blocks = pem.match(/-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \1-----/g) ?? []
  if (blocks.length === 0) throw new SettingsError(`${setting}: ${path} holds no key as PEM`)
  return blocks.map((block, index) => {
    try {
      return createPublicKey(block)
    } catch (error) {
      throw new SettingsError(`${setting}: ${path}: block ${index + 1} is no key: ${messageOf(error)}`)
    }
  })
}
