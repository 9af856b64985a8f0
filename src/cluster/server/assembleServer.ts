import { randomUUID } from 'node:crypto'
import { ownBuild } from '#cluster/build.ts'
import { readPorts } from '#cluster/config.ts'
import type { Surroundings } from '#cluster/commands/command.ts'
import { messageOf, stackOf } from '#lib/errorText.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import { allStrategies } from '#resources/index.ts'
import type { AdmissionConfiguration } from '#server/admission/plugins.ts'
import { podSecurityConfigurationOf } from '#server/admission/podSecurity/configuration.ts'
import { secretIssuer } from '#server/authenticate/serviceAccountTokens.ts'
import type { TokenAuthenticator } from '#server/authenticate/tokenAuthenticator.ts'
import { bootstrapPolicy } from '#server/authorize/bootstrap/policy.ts'
import { httpsNodeConnector } from '#server/nodeProxy.ts'
import { createApiServer, type ApiServer, type ApiServerOptions } from '#server/server.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import type { Store } from '#storage/store.ts'
import { partChecksOfMachine } from '#cluster/partChecks.ts'
import { addStoreMetrics } from '#cluster/storeMetrics.ts'
import { readAdmissionFile } from './admissionFile.ts'
import type { FileAuthentication } from './authenticationFile.ts'
import { openAudit, type OpenAudit } from './openAudit.ts'
import { fileReader, readCredentials, type ReadFile, type ServerCredentials } from './credentials.ts'
import type { ServerSettings } from './settings.ts'

/** A server alone, and what it stands on. */
export interface AssembledServer {
  readonly server: ApiServer
  readonly store: Store
  readonly credentials: ServerCredentials
  readonly audit: OpenAudit | undefined
}

const megabyte = 1024 * 1024

/** Reads what the settings name and opens the store. Rejects with SettingsError where a file cannot be used. */
export async function assembleServer(
  surroundings: Surroundings,
  settings: ServerSettings,
  address: string,
  log: Logger,
): Promise<AssembledServer> {
  const { clock, random } = surroundings
  const readFile = fileReader(surroundings)
  const { authentication, serviceAccounts, authorization, services, requests, listen } = settings
  const { dataDirectory } = settings
  if (dataDirectory !== undefined) await surroundings.host.files.makeFolder(dataDirectory)
  const credentials = await readCredentials(surroundings, settings, readFile)
  const issuer = serviceAccounts.issuers[0]!
  const audiences = serviceAccounts.audiences ?? serviceAccounts.issuers
  const [tokens, ofFile, admissionConfiguration] = await Promise.all([
    furtherTokens(authentication, audiences, clock, readFile),
    authenticationOf(settings, audiences, clock, readFile),
    admissionOf(settings.admission, readFile),
  ])
  const audit = settings.audit === undefined ? undefined : await openAudit(settings.audit, readFile, clock, log)
  const store = await openStore(surroundings, settings)
  const options: ApiServerOptions = {
    store,
    strategies: allStrategies({
      addresses: services.addresses,
      nodePorts: readPorts(services.nodePorts)!,
      eventSeconds: Math.ceil(settings.eventLifetime / 1_000),
      controlPlane: partChecksOfMachine(() => store),
    }),
    clock,
    random,
    newUid: randomUUID,
    tokens: {
      signer: signerOf(credentials, serviceAccounts.signingKeyFile),
      verifier: new TokenVerifier({ keys: credentials.tokenKeys, issuers: [...serviceAccounts.issuers, secretIssuer] }),
      issuer,
      audiences,
      ...(serviceAccounts.longestExpiration === undefined
        ? {}
        : { longestSeconds: Math.floor(serviceAccounts.longestExpiration / 1_000) }),
      extendsExpiration: serviceAccounts.extendExpiration,
    },
    nodes: (cluster) => httpsNodeConnector(cluster, credentials.kubelets),
    aggregation: credentials.aggregation,
    serverAddress: `${address}:${listen.port}`,
    tokenAuthenticators: [...tokens, ...ofFile.tokens],
    admissionConfiguration,
    authorizationModes: authorization.modes,
    anonymous: authentication.anonymous ?? ofFile.anonymous ?? !authorization.modes.includes('AlwaysAllow'),
    bootstrapTokens: authentication.bootstrapTokens,
    limits: {
      bodyBytes: requests.largestBody,
      inFlight: orUnlimited(requests.inFlight),
      mutatingInFlight: orUnlimited(requests.mutatingInFlight),
      timeout: requests.timeout,
    },
    minRequestTimeoutSeconds: requests.shortestWatch / 1_000,
    shutdownDelay: settings.shutdownDelay,
    ...(audit === undefined ? {} : { audit: audit.options }),
    policy: () => bootstrapPolicy(),
    ...(ownBuild === undefined ? {} : { build: ownBuild }),
    onBug: (error, request) => log.error('A bug in serving a request', { request, error: stackOf(error) }),
  }
  try {
    const server = createApiServer(options)
    if (settings.store.engine === 'sqlite') addStoreMetrics(server.metrics, storeFolder(settings))
    return { server, store, credentials, audit }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

const orUnlimited = (count: number): number => (count === 0 ? Infinity : count)

function signerOf({ tokenKey }: ServerCredentials, path = ''): TokenSigner {
  try {
    return new TokenSigner(tokenKey)
  } catch (error) {
    throw new SettingsError(`serviceAccounts.signingKeyFile: ${path}: ${messageOf(error)}`)
  }
}

const storeFolder = ({ dataDirectory }: ServerSettings): string => `${dataDirectory!}/store`

async function openStore({ host, clock }: Surroundings, settings: ServerSettings): Promise<Store> {
  const { store } = settings
  const history = { bytes: store.history.megabytes * megabyte, milliseconds: store.history.hours * 3_600_000 }
  if (store.engine === 'memory') return openMemoryStore({ clock, history })
  const directory = storeFolder(settings)
  await host.files.makeFolder(directory, 0o700)
  const { maximumMegabytes } = store
  return openSqliteStore({
    directory,
    clock,
    history,
    ...(maximumMegabytes === undefined ? {} : { maximumBytes: maximumMegabytes * megabyte }),
  })
}

/** The kinds of tokens that the settings add. Whoever uses none pays for none. */
async function furtherTokens(
  { tokenFile, oidc }: ServerSettings['authentication'],
  audiences: readonly string[],
  clock: Clock,
  readFile: ReadFile,
): Promise<readonly TokenAuthenticator[]> {
  const tokens: TokenAuthenticator[] = []
  if (tokenFile !== undefined) {
    const { staticTokens } = await import('#server/authenticate/staticTokens.ts')
    const text = await readFile(tokenFile, 'authentication.tokenFile')
    try {
      tokens.push(staticTokens(text, audiences))
    } catch (error) {
      throw new SettingsError(`authentication.tokenFile: ${tokenFile}: ${messageOf(error)}`)
    }
  }
  if (oidc !== undefined) {
    const { oidcTokens } = await import('#server/authenticate/oidc.ts')
    const { authorityFile, ...all } = oidc
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
    const provider = given as unknown as Parameters<typeof oidcTokens>[0]
    const authority =
      authorityFile === undefined
        ? {}
        : { authority: await readFile(authorityFile, 'authentication.oidc.authorityFile') }
    tokens.push(oidcTokens({ ...provider, ...authority, serverAudiences: audiences, clock }))
  }
  return tokens
}

/** What the file of authentication adds. Whoever has none pays for none. */
async function authenticationOf(
  { authentication: { configFile, anonymous }, serviceAccounts: { issuers }, authorization }: ServerSettings,
  audiences: readonly string[],
  clock: Clock,
  readFile: ReadFile,
): Promise<FileAuthentication> {
  if (configFile === undefined) return { tokens: [] }
  const { readAuthenticationFile } = await import('./authenticationFile.ts')
  const read = (path: string): Promise<string> => readFile(path, 'authentication.configFile')
  const file = await readAuthenticationFile(read, configFile, { audiences, issuers, clock })
  if (file.anonymous !== undefined && anonymous !== undefined) {
    throw new SettingsError(`${configFile}: anonymous cannot be said together with authentication.anonymous`)
  }
  if (file.anonymous !== undefined && file.anonymous !== false && authorization.modes.includes('AlwaysAllow')) {
    const right = 'it must be false where authorization.modes has AlwaysAllow'
    throw new SettingsError(`${configFile}: anonymous.enabled is true; ${right}`)
  }
  return file
}

async function admissionOf(
  { enable, disable, podSecurity, resourceQuota, configFile }: ServerSettings['admission'],
  readFile: ReadFile,
): Promise<AdmissionConfiguration> {
  const ofFile =
    configFile === undefined
      ? {}
      : await readAdmissionFile((path) => readFile(path, 'admission.configFile'), configFile)
  return {
    ...ofFile,
    ...(podSecurity === undefined ? {} : { podSecurity: podSecurityConfigurationOf(podSecurity) }),
    ...(resourceQuota === undefined ? {} : { limitedResources: resourceQuota.limitedResources }),
    podTopologyLabels: enable.includes('PodTopologyLabels'),
    disabled: disable,
  }
}
