import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Endpoint, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { refusals } from '#resources/testReport.ts'
import { endpointSliceStrategy } from './endpointSlice.ts'

const slice = (addressType: EndpointSlice['addressType'], endpoint: Partial<Endpoint>, own = {}): EndpointSlice => ({
  apiVersion: '',
  kind: '',
  metadata: { name: 'a' },
  addressType,
  endpoints: [{ addresses: ['10.0.0.1'], ...endpoint }],
  ...own,
})
const at = 'endpoints[0]'

describe('a slice of endpoints', () => {
  const rows: readonly [string, EndpointSlice, EndpointSlice | undefined, readonly string[]][] = [
    ['that is right', slice('IPv4', {}), undefined, []],
    [
      'with an address of the other family',
      slice('IPv4', { addresses: ['2001:db8::1'] }),
      undefined,
      [`${at}.addresses: Invalid value: "2001:db8::1": must be an IPv4 address`],
    ],
    [
      'with an IPv6 address in another form',
      slice('IPv6', { addresses: ['2001:DB8::1'] }),
      undefined,
      [`${at}.addresses[0]: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")`],
    ],
    [
      'with names that are too short',
      slice('FQDN', { addresses: ['', 'a', 'a.b.'] }),
      undefined,
      [
        `${at}.addresses[0]: Required value`,
        `${at}.addresses[1]: Invalid value: "a": should be a domain with at least two segments separated by dots`,
      ],
    ],
    [
      'with hints for a zone twice and too many nodes',
      slice('IPv4', {
        hints: {
          forZones: [{ name: 'a' }, { name: 'a' }],
          forNodes: Array.from({ length: 9 }, (_, index) => ({ name: `n${index}` })),
        },
      }),
      undefined,
      [
        `${at}.hints.forZones[1].name: Duplicate value: "a"`,
        `${at}.hints.forNodes: Too many: 9: must have at most 8 items`,
      ],
    ],
    [
      'with ports that have a name together',
      slice(
        'IPv4',
        {},
        {
          ports: [
            { name: 'a', protocol: 'TCP' },
            { name: 'a', protocol: 'ICMP', appProtocol: '/' },
          ],
        },
      ),
      undefined,
      [
        'ports[1].name: Duplicate value: "a"',
        'ports[1].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        'ports[1].appProtocol: Invalid value: "/": prefix part must be non-empty',
      ],
    ],
    [
      'of another kind than before, with endpoints as before',
      slice('IPv6', {}),
      slice('IPv4', {}),
      ['addressType: Invalid value: "IPv6": field is immutable'],
    ],
  ]
  for (const [name, now, old, expected] of rows) {
    test(name, () => {
      const found = refusals((report) => endpointSliceStrategy.validate!(now, old, report))
      assert.deepEqual(
        found.filter((line) => !line.includes('name part')),
        expected,
      )
    })
  }
})
