import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { describe, it } from 'node:test'

import { extract } from 'tar-stream'

import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles, type Files } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeProcesses } from '#lib/host/process.ts'

import { placeLayout } from '../place/layout.ts'
import type { Place } from '../place/place.ts'
import { makeLayer, mergeArchives, readArchive, writeArchive } from './archive.ts'
import { architectureOf, archiveFileName, buildImage, mergeConfig, nameImage, parseLibraries } from './build.ts'
import { parseBuildFile } from './buildFile.ts'
import { buildFromFile, orderBuilds } from './buildSet.ts'
import { packLayer } from './layer.ts'
import type { LayerEntry } from './layer.ts'
import { findPackageFile } from './packages.ts'
import { arm64, assemblePause } from './pause.ts'
import { imageNameProblem, normalizeImageName } from './reference.ts'
import {
  adoptArchive,
  buildPauseImage,
  findSavedImage,
  importSavedImages,
  listSavedImages,
  parseImageList,
  saveImage,
} from './store.ts'

describe('assemblePause', () => {
  it('is the proven program on amd64', () => {
    assert.equal(
      assemblePause('amd64').toString('hex'),
      '7f454c4602010100000000000000000002003e0001000000780040000000000040000000000000000000000000000000000000004000380001000000000000000100000005000000000000000000000000004000000000000000400000000000e500000000000000e5000000000000000010000000000000b80e00000031ff48bedd0040000000000031d241ba080000000f05b88000000048bfdd0040000000000031f631d241ba080000000f0583f80f742183f802741cb83d000000bfffffffff31f6ba010000004531d20f0585c07fe6ebbfb8e700000031ff0f05ffffffffffffffff',
    )
  })
  const instructions: [string, number, number][] = [
    ['mov x0, #0', arm64.set(0, 0), 0xd2800000],
    ['mov x8, #94', arm64.set(8, 94), 0xd2800bc8],
    ['mov x0, #-1', arm64.setMinusOne(0), 0x92800000],
    ['adr x1, .+16', arm64.addressOf(1, 16), 0x10000081],
    ['cmp w0, #15', arm64.compare(0, 15), 0x71003c1f],
    ['b.eq .+8', arm64.branchIfEqual(8), 0x54000040],
    ['b.gt .-28', arm64.branchIfGreater(-28), 0x54ffff2c],
    ['b .-4', arm64.branch(-4), 0x17ffffff],
  ]
  for (const [text, actual, expected] of instructions) {
    it(`encodes ${text} for arm64`, () => assert.equal(actual.toString(16), expected.toString(16)))
  }
  it('is a program for AArch64 on arm64, entered after its headers', () => {
    const program = assemblePause('arm64')
    assert.equal(program.readUInt16LE(18), 183)
    assert.equal(program.readBigUInt64LE(24), 0x400078n)
    assert.equal(program.readBigUInt64LE(96), BigInt(program.length))
    assert.equal(program.readUInt32LE(120 + 5 * 4), 0xd4000001)
    assert.equal(program.subarray(-8).toString('hex'), 'f'.repeat(16))
  })
})

describe('normalizeImageName', () => {
  const cases: [string, string][] = [
    ['nginx', 'docker.io/library/nginx:latest'],
    ['busybox:1.35', 'docker.io/library/busybox:1.35'],
    ['curlimages/curl:7.86.0', 'docker.io/curlimages/curl:7.86.0'],
    ['docker.io/curlimages/curl:7.86.0', 'docker.io/curlimages/curl:7.86.0'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['localhost:5000/a', 'localhost:5000/a:latest'],
    ['localhost/a/b:1', 'localhost/a/b:1'],
    [`nginx@sha256:${'a'.repeat(64)}`, `docker.io/library/nginx@sha256:${'a'.repeat(64)}`],
  ]
  for (const [name, expected] of cases) it(name, () => assert.equal(normalizeImageName(name), expected))
  for (const name of ['', 'Nginx', 'a b', '../x', 'a:b:c', '-x', 'a/', `a@sha256:12`, 'x'.repeat(300)]) {
    it(`refuses ${JSON.stringify(name.slice(0, 20))}`, () => {
      assert.notEqual(imageNameProblem(name), undefined)
      assert.throws(() => normalizeImageName(name), /as the name of an image/)
    })
  }
})

interface Listed {
  readonly name: string
  readonly type: string
  readonly mode: number
  readonly owner: string
  readonly content: string
}

async function listTar(bytes: Buffer): Promise<Listed[]> {
  const archive = extract()
  archive.end(bytes)
  const listed: Listed[] = []
  for await (const entry of archive) {
    let content = entry.header.linkname ?? ''
    for await (const piece of entry) content += String(piece)
    const { name, type, mode, uid, gid, mtime } = entry.header
    assert.equal(mtime.getTime(), 0)
    listed.push({ name, type, mode, owner: `${uid}:${gid}`, content })
  }
  return listed
}

describe('packLayer', () => {
  const entries: LayerEntry[] = [
    { kind: 'file', path: '/etc/app/b', data: Buffer.from('B'), mode: 0o640, uid: 5, gid: 6 },
    { kind: 'link', path: '/bin/sh', target: 'busybox' },
    { kind: 'folder', path: '/tmp', mode: 0o1777 },
    { kind: 'file', path: '/a', data: Buffer.from('old'), mode: 0o644 },
    { kind: 'file', path: '/a', data: Buffer.from('new'), mode: 0o644 },
  ]
  it('sorts, adds folders, lets the last win and forgets times', async () => {
    assert.deepEqual(await listTar(await packLayer(entries)), [
      { name: 'a', type: 'file', mode: 0o644, owner: '0:0', content: 'new' },
      { name: 'bin/', type: 'directory', mode: 0o755, owner: '0:0', content: '' },
      { name: 'bin/sh', type: 'symlink', mode: 0o777, owner: '0:0', content: 'busybox' },
      { name: 'etc/', type: 'directory', mode: 0o755, owner: '0:0', content: '' },
      { name: 'etc/app/', type: 'directory', mode: 0o755, owner: '0:0', content: '' },
      { name: 'etc/app/b', type: 'file', mode: 0o640, owner: '5:6', content: 'B' },
      { name: 'tmp/', type: 'directory', mode: 0o1777, owner: '0:0', content: '' },
    ])
  })
  it('gives the same bytes for the same files in another order', async () => {
    const [first, second, third, ...copies] = entries
    assert.deepEqual(await packLayer([third!, second!, first!, ...copies]), await packLayer(entries))
  })
  it('keeps long names', async () => {
    const path = `/${'long/'.repeat(60)}name`
    const listed = await listTar(await packLayer([{ kind: 'file', path, data: Buffer.from('x'), mode: 0o644 }]))
    assert.equal(listed.at(-1)?.name, path.slice(1))
  })
  it('refuses paths that climb', async () => {
    await assert.rejects(
      packLayer([{ kind: 'link', path: '/a/../../etc', target: 'x' }]),
      /must not contain "." or ".."/,
    )
    await assert.rejects(packLayer([{ kind: 'folder', path: 'etc', mode: 0o755 }]), /must be absolute/)
  })
})

describe('archives', () => {
  const image = async () => {
    const layer = makeLayer(await packLayer([{ kind: 'file', path: '/x', data: Buffer.from('x'), mode: 0o644 }]))
    return { architecture: 'amd64' as const, config: { Cmd: ['/x'] }, layers: [layer] }
  }
  it('are read back as they were written, also compressed', async () => {
    const { bytes } = await writeArchive(await image(), 'docker.io/library/x:1')
    assert.deepEqual(await readArchive(bytes, 'amd64'), { image: await image(), names: ['docker.io/library/x:1'] })
  })
  it('have the same digests every time', async () => {
    const [first, second] = [await writeArchive(await image(), 'a:1'), await writeArchive(await image(), 'a:1')]
    assert.deepEqual(first, second)
  })
  it('are refused with what is wrong', async () => {
    const { bytes } = await writeArchive(await image(), 'a:1')
    await assert.rejects(readArchive(bytes, 'arm64'), /it has no image for arm64/)
    await assert.rejects(readArchive(Buffer.alloc(1024), 'amd64'), /no index.json/)
    await assert.rejects(readArchive(Buffer.from('rubbish'.repeat(100)), 'amd64'), /Cannot read the image archive/)
    const spoiled = Buffer.from(bytes)
    spoiled[spoiled.indexOf('"Cmd"') + 1] = 0x44
    await assert.rejects(readArchive(spoiled, 'amd64'), /has another content/)
  })
  it('are different images under different names', async () => {
    const [first, second] = [await nameImage(await image(), 'nginx:alpine'), await nameImage(await image(), 'nginx')]
    assert.notEqual(first.id, second.id)
  })
  it('have short safe file names', () => {
    assert.match(archiveFileName('docker.io/library/nginx:alpine'), /^docker.io_library_nginx_alpine-[0-9a-f]{8}\.tar$/)
  })
})

describe('parseBuildFile', () => {
  it('reads every field', () => {
    const file = parseBuildFile(`
name: web:1
from: busybox
packages: [nginx]
copy:
  - { from: /usr/sbin/nginx, withLibraries: true }
  - { from: site, to: /srv, owner: "7:8", mode: "0640" }
files:
  - { path: /etc/motd, text: hello }
folders: [{ path: /tmp, mode: "1777" }]
links: { /bin/sh: busybox }
env: { A: 1 }
labels: { by: us }
user: 101:101
workdir: /srv
entrypoint: [nginx]
cmd: ["-g", "daemon off;"]
ports: [80, 53/udp]
stopSignal: SIGQUIT
`)
    assert.deepEqual(file, {
      names: ['web:1'],
      from: 'busybox',
      packages: ['nginx'],
      copy: [
        { from: '/usr/sbin/nginx', to: '/usr/sbin/nginx', withLibraries: true, withApplets: false },
        { from: 'site', to: '/srv', withLibraries: false, withApplets: false, mode: 0o640, uid: 7, gid: 8 },
      ],
      files: [{ path: '/etc/motd', text: 'hello' }],
      folders: [{ path: '/tmp', mode: 0o1777 }],
      links: { '/bin/sh': 'busybox' },
      env: { A: '1' },
      labels: { by: 'us' },
      user: '101:101',
      workdir: '/srv',
      entrypoint: ['nginx'],
      cmd: ['-g', 'daemon off;'],
      ports: ['80/tcp', '53/udp'],
      stopSignal: 'SIGQUIT',
    })
  })
  const bad: [string, string, string][] = [
    ['not a mapping', '- a', '.: must be a mapping'],
    ['an unknown field', 'froms: x', 'froms: unknown field'],
    ['an unknown field below', 'files: [{ path: /a, text: x, txt: y }]', 'files[0].txt: unknown field'],
    ['a missing text', 'files: [{ path: /a }]', 'files[0].text: is required'],
    ['a climbing path', 'files: [{ path: /a/../../b, text: x }]', 'files[0].path: it must not contain "." or ".."'],
    ['a relative target', 'folders: [{ path: tmp }]', 'folders[0].path: it must be absolute'],
    ['a copy to nowhere', 'copy: [{ from: site }]', 'copy[0].to: is required when from is relative'],
    [
      'a mode that is none',
      'folders: [{ path: /a, mode: "999" }]',
      'folders[0].mode: must be three or four octal digits in quotes',
    ],
    ['an owner that is none', 'folders: [{ path: /a, owner: root }]', 'folders[0].owner: must look like "101:101"'],
    ['a port that is none', 'ports: [70000]', 'ports[0]: must be a port such as 80 or "53/udp"'],
    ['an option as package', 'packages: ["--force-yes"]', 'packages[0]: must be the name of a Debian package'],
    ['a list as text', 'user: [a]', 'user: must be text'],
    ['two faults', 'a: 1\nb: 2', 'a: unknown field; b: unknown field'],
  ]
  for (const [name, text, expected] of bad) {
    it(`refuses ${name}`, () =>
      assert.throws(() => parseBuildFile(text), {
        name: 'BuildFileError',
        message: `Cannot use the build file: ${expected}`,
      }))
  }
  it('refuses broken YAML, duplicate keys, alias bombs and large files', () => {
    assert.throws(() => parseBuildFile('a: [b'), /Cannot read the build file/)
    assert.throws(() => parseBuildFile('user: a\nuser: b'), /Cannot read the build file: Map keys must be unique/)
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...[...'bcdefg'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdef'[index]}`).join(',')}]`),
    ].join('\n')
    assert.throws(() => parseBuildFile(bomb), /Cannot read the build file: Excessive alias count/)
    assert.throws(() => parseBuildFile('#'.repeat(2_000_000)), /larger than 1048576 bytes/)
  })
})

describe('mergeConfig', () => {
  const base = { Env: ['PATH=/bin', 'A=1'], Entrypoint: ['sh'], Cmd: ['-c'], User: '5', Labels: { x: 'y' } }
  it('keeps what the file does not say', () => assert.deepEqual(mergeConfig(base, parseBuildFile('{}')), base))
  it('replaces what it says, and forgets the command of another entry point', () => {
    assert.deepEqual(mergeConfig(base, parseBuildFile('entrypoint: [top]\nenv: { A: 2, B: 3 }\nports: [80]')), {
      Env: ['PATH=/bin', 'A=2', 'B=3'],
      Entrypoint: ['top'],
      User: '5',
      Labels: { x: 'y' },
      ExposedPorts: { '80/tcp': {} },
    })
  })
})

describe('parseLibraries', () => {
  it('reads what ldd found and what it did not', () => {
    const text =
      '\tlinux-vdso.so.1 (0x00007f)\n\tlibz.so.1 => /lib/x/libz.so.1 (0x01)\n\tliby.so => not found\n\t/lib64/ld-linux.so.2 (0x02)\n'
    assert.deepEqual(parseLibraries(text), {
      paths: ['/lib/x/libz.so.1', '/lib64/ld-linux.so.2'],
      missing: ['liby.so'],
    })
  })
})

describe('findPackageFile', () => {
  it('takes the last of the right name and architecture', () => {
    const names = ['nginx_1.0_amd64.deb', 'nginx_1.2_amd64.deb', 'nginx_9_arm64.deb', 'nginx-common_1_all.deb', 'lock']
    assert.equal(findPackageFile(names, 'nginx', 'amd64'), 'nginx_1.2_amd64.deb')
    assert.equal(findPackageFile(names, 'nginx-common', 'arm64'), 'nginx-common_1_all.deb')
    assert.equal(findPackageFile(names, 'curl', 'amd64'), undefined)
  })
})

describe('buildImage', () => {
  const answers = (argv: readonly string[]) => {
    if (argv[0] === 'ldd' && argv[1] === '/bin/busybox') return { code: 1, stderr: 'not a dynamic executable' }
    if (argv[0] === 'ldd') return { stdout: '\tlibc.so.6 => /lib/libc.so.6 (0x1)\n' }
    if (argv[1] === '--list-full') return { stdout: 'bin/busybox\nbin/sh\n' }
    return { code: 1 }
  }
  const machine = () => {
    const files = fakeFiles({
      '/bin/busybox': 'B',
      '/usr/bin/tool': 'T',
      '/lib/libc-2.so': 'C',
      '/project/site/index.html': 'hi',
    })
    return fakeHost(new SimulatedClock(), { processes: fakeProcesses(answers), files })
  }
  const context = {
    folder: '/project',
    architecture: 'amd64' as const,
    packageFolder: '/packages',
    workFolder: '/unpacked',
  }
  const build = async (text: string, images: Record<string, Buffer> = {}) => {
    const host = machine()
    await host.files.link('libc-2.so', '/lib/libc.so.6')
    return buildImage(host, parseBuildFile(text), { ...context, findImage: async (name) => images[name] })
  }
  const contents = async (image: Awaited<ReturnType<typeof build>>) =>
    (await listTar(gunzipSync(image.layers.at(-1)!.compressed)))
      .filter((entry) => entry.type !== 'directory')
      .map((entry) => `${entry.name}=${entry.content}`)

  it('copies programs with libraries and applets, and folders', async () => {
    const image = await build(
      'copy: [{ from: /bin/busybox, withLibraries: true, withApplets: true }, { from: /usr/bin/tool, withLibraries: true }, { from: site, to: /srv }]\nentrypoint: [/bin/sh]',
    )
    assert.deepEqual(await contents(image), [
      'bin/busybox=B',
      'bin/sh=/bin/busybox',
      'lib/libc.so.6=C',
      'srv/index.html=hi',
      'usr/bin/tool=T',
    ])
    assert.deepEqual(image.config, { Entrypoint: ['/bin/sh'] })
  })
  it('takes libraries that this machine lacks from what the package depends on', async () => {
    const files = fakeFiles({
      '/usr/bin/tool': 'T',
      '/unpacked/usr/lib/libz.so.1': 'Z',
      '/packages/tool_1_amd64.deb': '',
      '/packages/libz1_2_amd64.deb': '',
    })
    const unpacked = new Set<string>()
    const processes = fakeProcesses((argv) => {
      const [program, word] = argv
      if (program === 'ldd')
        return {
          stdout: `\tlibz.so.1 => ${unpacked.has('/packages/libz1_2_amd64.deb') ? '/unpacked/usr/lib/libz.so.1' : 'not found'}\n`,
        }
      if (program === 'dpkg-deb') {
        unpacked.add(argv[2]!)
        return undefined
      }
      if (argv.includes('--simulate'))
        return {
          stdout: 'Reading package lists...\nInst libz1 [1] (2 Debian:13 [amd64])\nInst tool (1 Debian:13 [amd64])\n',
        }
      return word === '--show' ? { code: 1 } : undefined
    })
    const host = fakeHost(new SimulatedClock(), { processes, files })
    const text = 'packages: [tool]\ncopy: [{ from: /usr/bin/tool, withLibraries: true }]'
    // What the fake extracts is there from the beginning; only its folder is emptied first.
    const remove = files.remove.bind(files)
    files.remove = async (path) => (path === '/unpacked' ? undefined : await remove(path))
    const image = await buildImage(host, parseBuildFile(text), { ...context, findImage: async () => undefined })
    assert.deepEqual(await contents(image), ['usr/bin/tool=T', 'usr/lib/libz.so.1=Z'])
    assert.deepEqual([...unpacked], ['/packages/tool_1_amd64.deb', '/packages/libz1_2_amd64.deb'])
  })
  it('starts from another image by its name', async () => {
    const base = await build('copy: [{ from: /bin/busybox }]\ncmd: [sh]')
    const { bytes } = await nameImage(base, 'busybox:1.35')
    const image = await build('from: busybox:1.35\nfiles: [{ path: /a, text: x }]', {
      'docker.io/library/busybox:1.35': bytes,
    })
    assert.equal(image.layers.length, 2)
    assert.deepEqual(image.config.Cmd, ['sh'])
  })
  const bad: [string, string, RegExp][] = [
    ['an unknown base', 'from: nowhere', /Cannot start from image "nowhere": it has not been built here/],
    ['a base archive that is not there', 'from: ./no.tar', /there is no file \/project\/no.tar/],
    [
      'a missing file',
      'copy: [{ from: /no/such }]',
      /Cannot copy "\/no\/such" into the image: there is no such file on this machine/,
    ],
    ['libraries of a folder', 'copy: [{ from: site, to: /s, withLibraries: true }]', /it is not one program/],
  ]
  for (const [name, text, expected] of bad) it(`refuses ${name}`, async () => assert.rejects(build(text), expected))
})

describe('saved images', () => {
  it('are adopted under their own or a given name and found again', async () => {
    const files = fakeFiles()
    const pause = await buildPauseImage('amd64', 'registry.k8s.io/pause:3.10')
    await files.write('/p.tar', pause.bytes)
    assert.deepEqual(await adoptArchive({ files }, '/images', '/p.tar', 'amd64'), ['registry.k8s.io/pause:3.10'])
    assert.deepEqual(await adoptArchive({ files }, '/images', '/p.tar', 'amd64', 'mine'), [
      'docker.io/library/mine:latest',
    ])
    assert.equal((await listSavedImages({ files }, '/images')).length, 2)
    assert.deepEqual(await findSavedImage({ files }, '/images', 'registry.k8s.io/pause:3.10'), pause.bytes)
    await assert.rejects(adoptArchive({ files }, '/images', '/none.tar', 'amd64'), /there is no such file/)
  })
})

describe('importSavedImages', () => {
  const layout = placeLayout('dev', 'worker')
  const place: Place = {
    cluster: 'dev',
    node: 'worker',
    kind: 'namespaces',
    ephemeral: false,
    layout,
    enter: (command) => command,
  }
  it('merges archives', async () => {
    const layer = makeLayer(Buffer.from('shared'))
    const write = (name: string, cmd: string) =>
      writeArchive({ architecture: 'amd64', config: { Cmd: [cmd] }, layers: [layer] }, name)
    const [one, other] = [await write('a:1', 'x'), await write('a:2', 'x')]
    const { bytes, names } = await mergeArchives([one.bytes, other.bytes])
    assert.deepEqual(names, [['a:1'], ['a:2']])
    assert.ok(bytes.length <= one.bytes.length + 512, 'the shared blobs are there once')
    assert.deepEqual((await readArchive(bytes, 'amd64')).names, ['a:1', 'a:2'])
    await assert.rejects(mergeArchives([one.bytes, Buffer.alloc(1024)]), /no index.json/)
  })
  it('leaves an archive alone that is kept already', async () => {
    const memory = fakeFiles({})
    const written: string[] = []
    const files: Files = {
      ...memory,
      async write(path, data, options) {
        written.push(path)
        await memory.write(path, data, options)
      },
    }
    for (const [name, bytes] of [
      ['a:1', 'one'],
      ['a:1', 'one'],
      ['a:2', 'one'],
      ['a:1', 'two'],
    ] as const) {
      const path = await saveImage({ files }, '/images', name, Buffer.from(bytes))
      assert.equal(await memory.readText(path), bytes)
    }
    assert.deepEqual(
      written.map((path) => path.replace(/-[0-9a-f]{8}\.tar$/, '')),
      ['a_1', 'a_2', 'a_1'].map((name) => `/images/docker.io_library_${name}`),
    )
  })
  it('imports what is new, replaced or removed, and nothing else', async () => {
    const present = new Set<string>()
    const archives = new Map<string, readonly string[]>()
    const processes = fakeProcesses((argv) => {
      const [verb, path = ''] = argv.slice(-2)
      if (verb === 'import') for (const name of archives.get(path)!) present.add(name)
      return {
        stdout: ['REF', ...[...present].map((name) => `${name} type sha256:1 1.0 MiB linux/amd64 -`)].join('\n'),
      }
    })
    const memory = fakeFiles({ [`${layout.placeDataFolder}/x`]: '', [`${layout.placeFolder}/x`]: '' })
    const files: Files = {
      ...memory,
      async write(path, data, options) {
        if (path.startsWith(layout.placeFolder)) {
          archives.set(path, (await mergeArchives([Buffer.from(data)])).names.flat())
        }
        await memory.write(path, data, options)
      },
    }
    const host = fakeHost(new SimulatedClock(), { processes, files })
    const save = async (name: string, cmd: string) => {
      const { bytes } = await writeArchive(
        { architecture: 'amd64', config: { Cmd: [cmd] }, layers: [] },
        normalizeImageName(name),
      )
      await saveImage(host, '/images', name, bytes)
    }
    const run = () => importSavedImages(host, place, '/images')
    await save('a:1', 'x')
    await save('b:1', 'x')
    assert.deepEqual(await run(), ['docker.io/library/a:1', 'docker.io/library/b:1'])
    assert.deepEqual(await run(), [])
    await save('a:1', 'x'.repeat(2000))
    assert.deepEqual(await run(), ['docker.io/library/a:1'])
    present.delete('docker.io/library/b:1')
    assert.deepEqual(await run(), ['docker.io/library/b:1'])
  })
})

describe('parseImageList', () => {
  it('reads the table of ctr', () => {
    const text = `REF                            TYPE DIGEST SIZE PLATFORMS LABELS
docker.io/library/busybox:1.35 application/vnd.oci.image.manifest.v1+json sha256:aa 1.0 MiB linux/amd64 io.cri-containerd.image=managed
sha256:bb application/vnd.oci.image.manifest.v1+json sha256:aa 1.0 MiB linux/amd64 -
`
    assert.deepEqual(parseImageList(text), [
      { name: 'docker.io/library/busybox:1.35', digest: 'sha256:aa', size: '1.0 MiB' },
    ])
  })
})

describe('architectureOf', () => {
  it('knows two', () => {
    assert.deepEqual(['x64', 'arm64'].map(architectureOf), ['amd64', 'arm64'])
    assert.throws(() => architectureOf('s390x'), /only x64 and arm64 are supported/)
  })
})

describe('orderBuilds', () => {
  const order = (files: Record<string, [string[], string]>) =>
    orderBuilds(new Map(Object.entries(files).map(([path, [names, from]]) => [path, { names, from }])))
  it('builds bases first', () => {
    assert.deepEqual(order({ a: [['a'], 'b:1'], b: [['b:1'], 'c'], c: [['c'], 'scratch'], d: [['d'], 'elsewhere'] }), [
      'c',
      'b',
      'a',
      'd',
    ])
  })
  it('refuses a circle', () =>
    assert.throws(() => order({ a: [['a'], 'b'], b: [['b'], 'a'] }), /a from b from a: they start from each other/))
})

describe('buildFromFile', () => {
  const folders = { images: '/images', packages: '/packages', work: '/unpacked' }
  it('keeps one archive for each name', async () => {
    const host = fakeHost(new SimulatedClock(), {
      files: fakeFiles({ '/b/x.yaml': 'names: [x, y:2]\nfiles: [{ path: /a, text: x }]' }),
    })
    const built = await buildFromFile(host, '/b/x.yaml', [], folders, 'amd64')
    assert.deepEqual(
      built.map((image) => image.name),
      ['docker.io/library/x:latest', 'docker.io/library/y:2'],
    )
    assert.equal((await listSavedImages(host, '/images')).length, 2)
    const [named] = await buildFromFile(host, '/b/x.yaml', ['z'], folders, 'amd64')
    assert.equal(named?.name, 'docker.io/library/z:latest')
  })
  it('says which file is wrong', async () => {
    const host = fakeHost(new SimulatedClock(), { files: fakeFiles({ '/b/x.yaml': 'a: 1', '/b/y.yaml': '{}' }) })
    await assert.rejects(
      buildFromFile(host, '/b/x.yaml', [], folders, 'amd64'),
      /^Error: \/b\/x.yaml: Cannot use the build file: a: unknown field$/,
    )
    await assert.rejects(buildFromFile(host, '/b/y.yaml', [], folders, 'amd64'), /the image has no name; give one/)
    await assert.rejects(buildFromFile(host, '/b/z.yaml', [], folders, 'amd64'), /there is no such file/)
  })
})
