/** Rules of what containers run as, and under which profiles. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { WindowsSecurityContextOptions } from '#api/core/v1/securityContext.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { checkPodSecurityContext, checkSecurityContext } from './rules/security.ts'
import { checkProfileAnnotations, checkProfilesAgree } from './rules/profiles.ts'
import { checkHostProcesses } from './rules/windows.ts'
import { podStrategy } from './strategy.ts'

const first = { name: 'a', image: 'x' }
const appArmor = 'container.apparmor.security.beta.kubernetes.io/'
const seccomp = 'container.seccomp.security.alpha.kubernetes.io/'

describe('a user on Windows', () => {
  const of = (name: string): WindowsSecurityContextOptions => ({ runAsUserName: name })
  const rows: readonly [string, WindowsSecurityContextOptions, readonly string[]][] = [
    ['of a domain', of('example.com\\jane'), []],
    ['of none', of('Container User'), []],
    ['without a name', of(''), ['runAsUserName cannot be an empty string']],
    ['of two lines', of('a\n'), ['runAsUserName cannot contain control characters']],
    ['of a domain of a domain', of('a\\b\\c'), ['runAsUserName cannot contain more than one backslash']],
    [
      'of a domain alone that there cannot be',
      of('.a*\\'),
      ["runAsUserName's Domain doesn't match the NetBios nor the DNS format", "runAsUserName's User cannot be empty"],
    ],
    ['with a long name', of('a'.repeat(105)), ["runAsUserName's User length must not be longer than 104 characters"]],
    ['of dots', of('. .'), ["runAsUserName's User cannot contain only periods or spaces"]],
    ['with signs', of('a@b'), ['runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]']],
    ['of an empty account', { gmsaCredentialSpec: '' }, ['gmsaCredentialSpec cannot be an empty string']],
    ['of a large account', { gmsaCredentialSpec: 'a'.repeat(65537) }, ['gmsaCredentialSpec size must be under 64 KiB']],
  ]
  for (const [name, windowsOptions, expected] of rows) {
    test(name, () => {
      const [[field, value] = []] = Object.entries(windowsOptions)
      const lines = expected.map((text) => `windowsOptions.${field}: Invalid value: ${JSON.stringify(value)}: ${text}`)
      const check = (report: Parameters<typeof checkSecurityContext>[2]): void =>
        checkSecurityContext({ windowsOptions }, { containers: [] }, report)
      assert.deepEqual(refusals(check), lines)
    })
  }
})

test('processes of a host are all containers of a pod or none, and in its network', () => {
  const host = (hostProcess: boolean) => ({ securityContext: { windowsOptions: { hostProcess } } })
  const found = (spec: PodSpec): string[] => refusals((report) => checkHostProcesses(spec, report.at('spec')))
  assert.deepEqual(found({ containers: [first] }), [])
  assert.deepEqual(found({ ...host(true), hostNetwork: true, containers: [first] }), [])
  assert.deepEqual(found({ ...host(true), containers: [first, { ...first, ...host(false) }] }), [
    'spec.containers[1].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true',
    'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers',
    'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
  ])
})

test('a pod in namespaces of its node does not set the kernel there', () => {
  const spec: PodSpec = {
    hostNetwork: true,
    hostIPC: true,
    securityContext: {
      sysctls: ['net/core/a', 'fs.mqueue.b', 'kernel.sem', 'vm.c'].map((name) => ({ name, value: '1' })),
    },
    containers: [],
  }
  const lines = ['hostNetwork', 'hostIPC', 'hostIPC'].map((what) => `may not be specified when '${what}' is true`)
  assert.deepEqual(
    refusals((report) => checkPodSecurityContext(spec, report)),
    ['net/core/a', 'fs.mqueue.b', 'kernel.sem'].map(
      (name, index) => `sysctls[${index}].name: Invalid value: "${name}": ${lines[index]}`,
    ),
  )
})

test('profiles have a type, and a name where they are local', () => {
  const context = (one: object): PodSpec['securityContext'] => one as PodSpec['securityContext']
  const rows: readonly [object, readonly string[]][] = [
    [
      { appArmorProfile: { type: '' } },
      ['appArmorProfile.type: Required value: type is required when appArmorProfile is set'],
    ],
    [
      { appArmorProfile: { type: 'Unconfined', localhostProfile: 'a' } },
      ['appArmorProfile.localhostProfile: Invalid value: "a": can only be set when AppArmor type is Localhost'],
    ],
    [
      { appArmorProfile: { type: 'Localhost', localhostProfile: ' a' } },
      ['appArmorProfile.localhostProfile: Invalid value: " a": must not be padded with whitespace'],
    ],
    [
      { appArmorProfile: { type: 'Localhost', localhostProfile: 'a'.repeat(4096) } },
      ['appArmorProfile.localhostProfile: Too long: may not be more than 4095 bytes'],
    ],
    [
      { seccompProfile: { type: '', localhostProfile: 'a' } },
      [
        'seccompProfile.type: Required value: type is required when seccompProfile is set',
        'seccompProfile.localhostProfile: Invalid value: {"Type":"","LocalhostProfile":"a"}: can only be set when seccomp type is Localhost',
      ],
    ],
  ]
  for (const [securityContext, expected] of rows) {
    const spec: PodSpec = { securityContext: context(securityContext)!, containers: [] }
    assert.deepEqual(
      refusals((report) => checkPodSecurityContext(spec, report)),
      expected,
    )
  }
})

test('annotations name profiles that there are, of containers that there are', () => {
  const annotations = {
    [`${appArmor}a`]: 'localhost/p',
    [`${appArmor}b`]: 'mine',
    'seccomp.security.alpha.kubernetes.io/pod': 'docker/default',
    [`${seccomp}a`]: 'localhost/../p',
    [`${seccomp}b`]: 'mine',
  }
  assert.deepEqual(
    refusals((report) => checkProfileAnnotations(annotations, { containers: [first] }, report.at('metadata'))),
    [
      `metadata[${appArmor}b]: Invalid value: "b": container not found`,
      `metadata[${appArmor}b]: Invalid value: "mine": invalid AppArmor profile name: "mine"`,
      `metadata.${seccomp}a: Invalid value: "../p": must not contain '..'`,
      `metadata.${seccomp}b: Invalid value: "mine": must be a valid seccomp profile`,
    ],
  )
})

test('annotations and fields say the same', () => {
  const profile = { type: 'Localhost' as const, localhostProfile: 'p' }
  const spec: PodSpec = {
    securityContext: { seccompProfile: { type: 'RuntimeDefault' }, appArmorProfile: { type: 'Unconfined' } },
    containers: [
      first,
      { ...first, name: 'b', securityContext: { appArmorProfile: profile, seccompProfile: profile } },
    ],
  }
  const found = (annotations: Record<string, string>): string[] =>
    refusals((report) => checkProfilesAgree({ annotations }, spec, report.at('spec')))
  assert.deepEqual(
    found({
      'seccomp.security.alpha.kubernetes.io/pod': 'docker/default',
      [`${seccomp}b`]: 'localhost/p',
      [`${appArmor}a`]: 'unconfined',
      [`${appArmor}b`]: 'localhost/p',
    }),
    [],
  )
  const at = (index: number, field: string): string => `spec.containers[${index}].securityContext.${field}`
  assert.deepEqual(
    found({
      'seccomp.security.alpha.kubernetes.io/pod': 'unconfined',
      [`${seccomp}b`]: 'localhost/q',
      [`${appArmor}a`]: 'runtime/default',
      [`${appArmor}b`]: 'localhost/q',
    }),
    [
      'spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match',
      `${at(1, 'seccompProfile.localhostProfile')}: Forbidden: seccomp profile in annotation and field must match`,
      `${at(0, 'appArmorProfile.type')}: Forbidden: apparmor type in annotation and field must match`,
      `${at(1, 'appArmorProfile.localhostProfile')}: Forbidden: apparmor profile in annotation and field must match`,
    ],
  )
})

describe('AppArmor annotations of a pod', () => {
  const pod = (annotations: Record<string, string>, spec: Partial<PodSpec> = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', annotations },
    spec: { containers: [{ ...first }], ...spec },
  })
  const filled = (said: string, spec?: Partial<PodSpec>): unknown => {
    const one = pod({ [`${appArmor}a`]: said }, spec)
    podStrategy.prepare!(one, undefined, servingContext)
    return one.spec.containers[0]!.securityContext?.appArmorProfile
  }

  test('become fields of new pods', () => {
    assert.deepEqual(filled('localhost/p'), { type: 'Localhost', localhostProfile: 'p' })
    assert.deepEqual(filled('unconfined'), { type: 'Unconfined' })
    assert.equal(filled('localhost/'), undefined)
    assert.equal(filled('unconfined', { os: { name: 'windows' } }), undefined)
    assert.equal(filled('unconfined', { securityContext: { appArmorProfile: { type: 'Unconfined' } } }), undefined)
  })

  test('stay as they are', () => {
    const [now, before] = [pod({ [`${appArmor}b`]: 'x' }), pod({ 'kubernetes.io/config.mirror': 'h', other: '1' })]
    const found = refusals((report) => podStrategy.validate!(now, before, report))
    assert.deepEqual(found.slice(0, 2), [
      'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not remove or update mirror pod annotation',
      `metadata.annotations[${appArmor}b]: Forbidden: may not add AppArmor annotations`,
    ])
  })
})
