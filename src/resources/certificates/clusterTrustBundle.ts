import { X509Certificate } from 'node:crypto'
import { clusterTrustBundles as alphaBundles } from '#api/certificates/v1alpha1/clusterTrustBundle.ts'
import { clusterTrustBundles, type ClusterTrustBundle } from '#api/certificates/v1beta1/clusterTrustBundle.ts'
import { readPemBlocks } from '#lib/pki/pem.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { nameColumn } from '#resources/columns.ts'
import { checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkSignerName } from './signerName.ts'

/** Root certificates that the whole cluster can read. */
export const clusterTrustBundleStrategy: Strategy<ClusterTrustBundle> = {
  resource: clusterTrustBundles,
  versions: [
    {
      resource: alphaBundles,
      deprecation: 'certificates.k8s.io/v1alpha1 ClusterTrustBundle is deprecated in v1.34+, unavailable in v1.37+',
    },
  ],
  nameRule: 'path-segment',
  generation: false,
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
  columns: [
    nameColumn,
    { name: 'SignerName', description: 'Whose roots they are.', value: ({ spec }) => spec.signerName || '<none>' },
  ],
  validate({ metadata, spec: { signerName = '', trustBundle = '' } }, old, report) {
    if (old === undefined) checkName(metadata.name, signerName, report.at('metadata', 'name'))
    if (signerName !== '') checkSignerName(signerName, report.at('spec', 'signerName'))
    if (trustBundle !== old?.spec.trustBundle) checkBundle(trustBundle, report.at('spec', 'trustBundle'))
    if (old !== undefined) checkImmutable(report.at('spec', 'signerName'), signerName, old.spec.signerName ?? '')
  },
}

/** Bundles of a signer begin with its name, others have none of its colons. */
function checkName(name: string, signerName: string, report: Report): void {
  if (signerName === '') {
    if (name.includes(':')) report.invalid(name, 'ClusterTrustBundle without signer name must not have ":" in its name')
    else report.invalidBecause(name, dnsSubdomainProblems(name))
    return
  }
  const prefix = `${signerName.replaceAll('/', ':')}:`
  if (!name.startsWith(prefix)) {
    report.invalid(name, `ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`)
  } else report.invalidBecause(name, dnsSubdomainProblems(name.slice(prefix.length)))
}

/** In bytes. */
const longestBundle = 1024 * 1024

/** Certificates of authorities, each once. */
function checkBundle(text: string, report: Report): void {
  if (Buffer.byteLength(text) > longestBundle) return report.tooLong(longestBundle)
  const places = new Map<string, number[]>()
  let isWrong = false
  for (const [index, block] of readPemBlocks(text).entries()) {
    const problem = blockProblem(block)
    if (problem !== undefined) {
      isWrong = true
      report.invalid('<value omitted>', `entry ${index} ${problem}`)
      continue
    }
    const key = block.bytes.toString('base64')
    places.set(key, [...(places.get(key) ?? []), index])
  }
  if (isWrong) return
  if (places.size === 0) report.invalid('<value omitted>', 'at least one trust anchor must be provided')
  for (const indices of places.values()) {
    if (indices.length > 1) report.invalid('<value omitted>', `duplicate trust anchor (indices [${indices.join(' ')}])`)
  }
}

function blockProblem({ type, hasHeaders, bytes }: ReturnType<typeof readPemBlocks>[number]): string | undefined {
  if (type !== 'CERTIFICATE') return `has bad block type: ${type}`
  if (hasHeaders) return 'has PEM block headers'
  try {
    return new X509Certificate(bytes).ca ? undefined : 'does not have the CA bit set'
  } catch {
    return 'does not parse as X.509'
  }
}
