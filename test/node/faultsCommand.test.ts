/** The command line with wrong arguments, on unsuitable machines, and without root: messages and exit codes. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { clusterPaths, temporaryFolder } from '#cluster/record.ts'
import { host, newPerson, reasonToSkip, roots, run, launcher, type Person } from './faultsFixture.ts'

const nobody = 65_534

describe('the command line', () => {
  let person: Person
  before(async () => {
    person = await newPerson()
  })
  after(() => person[Symbol.asyncDispose]())

  const wrong: readonly [words: readonly string[], code: number, says: RegExp][] = [
    [['up', '../x'], 2, /cluster name "\.\.\/x": it must consist of lower case letters/],
    [['up', 'a/b'], 2, /cluster name "a\/b"/],
    [['up', 'A'], 2, /lower case/],
    [['up', ''], 2, /it must not be empty/],
    [['up', 'x'.repeat(64)], 2, /no more than 63 characters/],
    [['up', 'f-none', '--workers', 'many'], 2, /--workers <n>.*whole number/],
    [['up', 'f-none', '--workers', '-1'], 2, /whole number/],
    [['up', 'f-none', '--workers', '201'], 2, /workers is 201; it must be a whole number from 0 to 200/],
    [['up', 'f-none', '--api-server-port', '0'], 2, /apiServerPort is 0; it must be a whole number from 1 to 65535/],
    [['up', 'f-none', '--api-server-port', '65536'], 2, /apiServerPort is 65536/],
    [['up', 'f-none', '--nonsense'], 2, /unknown option '--nonsense'/],
    [['up', 'f-none', 'more'], 2, /too many arguments/],
    [['up', 'f-none', '--config', '/nonexistent'], 2, /\/nonexistent: there is no such file/],
    [['up', 'f-none', '--config', '/tmp'], 2, /\/tmp: EISDIR/],
    [['nonsense'], 2, /unknown command 'nonsense'/],
    [['down', '../..'], 2, /cluster name "\.\.\/\.\."/],
    [['inventory', '..'], 2, /cluster name "\.\."/],
    [['run-node', '../x', 'y'], 1, /"\.\.\/x"/],
    [['stop', 'f-none'], 1, /there is no cluster "f-none"; "k8ts list" shows what there is/],
    [['start', 'f-none'], 1, /there is no cluster "f-none"/],
    [['status', 'f-none'], 1, /there is no cluster "f-none"/],
    [['logs', 'f-none'], 1, /there is no cluster "f-none"/],
    [['kubeconfig', 'f-none'], 1, /there is no cluster "f-none"/],
    [['logs', 'f-none', '--tail', 'many'], 2, /--tail <lines>.*whole number/],
    [['image', 'list', 'f-none'], 1, /there is no cluster "f-none"/],
    [['image', 'build', '-f', '/tmp', '--cluster', 'f-none'], 1, /there is no cluster "f-none"/],
    [
      ['image', 'build', '-f', '/proc/self/ns'],
      1,
      /Cannot build \/proc\/self\/ns: it has no file that ends with \.yaml/,
    ],
    [['image', 'import', '/nonexistent.tar'], 1, /Cannot import "\/nonexistent\.tar": there is no such file/],
    [['image', 'import', '/tmp'], 1, /Cannot import "\/tmp": EISDIR/],
  ]
  for (const [words, code, says] of wrong) {
    it(`ends with ${code}: k8ts ${words.map((word) => word.slice(0, 20)).join(' ')}`, async () => {
      const ended = await person.k8ts(...words)
      assert.match(ended.stderr, says)
      assert.deepEqual([ended.code, ended.stdout], [code, ''])
      assert.doesNotMatch(ended.stderr, /\n\s+at /, 'no stack')
    })
  }

  const files: readonly [text: string | Buffer, says: RegExp][] = [
    ['workers: [1\n', /line 2: /],
    ['worker: 1\n', /worker is no setting; there are name, workers,/],
    ['workers: many\n', /workers is "many"; it must be a whole number from 0 to 200/],
    ['workers: 1\nworkers: 2\n', /line 2: key "workers" already set in map/],
    ['name: ../..\n', /name is "\.\.\/\.\."/],
    ['__proto__: 1\n', /__proto__ is no setting/],
    ['constructor: 1\n', /constructor is no setting/],
    [
      'podRange: 10.0.0.0/8\nserviceRange: 10.96.0.0/12\n',
      /podRange 10\.0\.0\.0\/8 and serviceRange 10\.96\.0\.0\/12 overlap/,
    ],
    ['- a\n', /config\.yaml: the file is \["a"\]; it must hold name, workers, /],
    ['history: {megabytes: 0}\n', /history\.megabytes is 0/],
    [Buffer.from([0xff, 0xfe, 0x00]), /config\.yaml: the file is "[^"]*"; it must hold name, workers, /],
    [
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n`,
      /excessive aliasing/,
    ],
    ['a'.repeat(300_000), /larger than 262144 bytes/],
  ]
  for (const [text, says] of files) {
    it(`refuses the file ${JSON.stringify(text.toString().slice(0, 30))}`, async () => {
      const path = join(person.home, 'config.yaml')
      await host.files.write(path, text)
      const { code, stderr } = await person.k8ts('up', 'f-none', '--config', path)
      assert.match(stderr, says)
      assert.ok(stderr.includes(path) || /overlap/.test(stderr), 'the file is named')
      assert.equal(code, 2)
    })
  }

  it('takes away what is not there, twice', async () => {
    for (let time = 0; time < 2; time++) assert.equal((await person.k8ts('down', 'f-none')).code, 0)
  })

  it('outlives its reader', async () => {
    const { stderr, code } = await run(['sh', '-c', `{ ${launcher.join(' ')} list; echo "code $?" >&2; } | true`], {
      HOME: person.home,
      KUBECONFIG: person.kubeconfig,
    })
    assert.match(stderr, /^(There is no cluster; .*\n)?code 0\n$/)
    assert.equal(code, 0)
  })
})

describe('a machine that is not suitable', { skip: reasonToSkip }, () => {
  it('without containerd is told what to install', async () => {
    await using person = await newPerson()
    // In a mount namespace of its own the programs are hidden.
    const hide = ['containerd', 'apt-get'].map((name) => `mount --bind /dev/null "$(command -v ${name})"`).join(' && ')
    const { code, stderr } = await run(
      ['unshare', '--mount', 'sh', '-c', `${hide} && exec ${launcher.join(' ')} up f-none`],
      { HOME: person.home, KUBECONFIG: person.kubeconfig },
    )
    assert.match(stderr, /containerd is not installed/)
    assert.match(stderr, /apt-get install -y containerd/)
    assert.equal(code, 1)
    assert.equal((await person.k8ts('inventory', 'f-none')).code, 0)
  })

  it('whose clusters have a disk of their own gets rid of one', async () => {
    await using person = await newPerson()
    const { code, stderr } = await run(
      [
        'unshare',
        '--mount',
        'sh',
        '-c',
        `mkdir -p ${roots.data} && mount -t tmpfs tmpfs ${roots.data} && exec ${launcher.join(' ')} down f-none`,
      ],
      { HOME: person.home, KUBECONFIG: person.kubeconfig },
    )
    assert.equal(code, 0, stderr)
  })

  it('finds the programs of root after su', async () => {
    await using person = await newPerson()
    const { code, stderr } = await person.start(['inventory', 'f-none'], { PATH: '/nonexistent' }).ended
    assert.deepEqual([code, stderr], [0, ''])
  })
})

describe('root inside a container without privileges', { skip: reasonToSkip }, () => {
  let person: Person
  before(async () => {
    person = await newPerson()
  })
  after(() => person[Symbol.asyncDispose]())
  const taken = '-sys_admin,-net_admin'
  const unprivileged = (...words: string[]) =>
    run(['setpriv', `--bounding-set=${taken}`, `--inh-caps=${taken}`, ...launcher, ...words], {
      HOME: person.home,
      KUBECONFIG: person.kubeconfig,
    })

  it('is told why it cannot have containers, and what it can have', async () => {
    for (const words of [[], ['--workers', '1', '--simulated-nodes', '1']]) {
      const { code, stderr } = await unprivileged('up', 'f-bare', ...words)
      assert.match(stderr, /containers need CAP_SYS_ADMIN and CAP_NET_ADMIN, which root lacks here: .*--privileged/)
      assert.match(stderr, /"k8ts up --simulated-nodes 3"/)
      assert.equal(code, 1)
    }
    assert.equal((await unprivileged('inventory', 'f-bare')).code, 0)
  })

  it('has a cluster of simulated nodes', async () => {
    const port = String(30_000 + (process.pid % 10_000))
    const up = await unprivileged('up', 'f-bare', '--simulated-nodes', '2', '--api-server-port', port)
    assert.match(up.stdout, /is ready .*2 simulated nodes/, up.stderr)
    for (const words of [['status'], ['stop'], ['start'], ['down'], ['inventory']]) {
      const { code, stderr } = await unprivileged(...words, 'f-bare')
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
    }
  })
})

describe('without root', { skip: reasonToSkip }, () => {
  let person: Person
  before(async () => {
    person = await newPerson({ uid: nobody })
  })
  after(() => person[Symbol.asyncDispose]())

  it('containers are refused, with what to do instead', async () => {
    for (const words of [
      ['up', 'f-user'],
      ['up', 'f-user', '--workers', '1', '--simulated-nodes', '1'],
    ]) {
      const { code, stderr } = await person.k8ts(...words)
      assert.match(stderr, /containers need root: run "sudo k8ts up".*"k8ts up --simulated-nodes 3"/)
      assert.equal(code, 1)
    }
    assert.equal((await person.k8ts('inventory', 'f-user')).code, 0)
  })

  it('a cluster of root is told to who forgot sudo', async () => {
    const { dataFolder, recordFile } = clusterPaths('f-root', roots)
    await host.files.makeFolder(roots.data, 0o711)
    await host.files.makeFolder(dataFolder, 0o711)
    await host.files.write(recordFile, '', { mode: 0o600 })
    try {
      for (const words of [['status'], ['down'], ['up', '--simulated-nodes', '1']]) {
        const { code, stderr } = await person.k8ts(...words, 'f-root')
        assert.match(
          stderr,
          /^k8ts: cluster "f-root" is one of root: use "sudo k8ts", or another name for one of yours$/m,
        )
        assert.equal(code, 1)
      }
      const { code, stderr } = await person.k8ts('list')
      assert.match(stderr, /^There is no cluster of yours; .*"sudo k8ts list" shows those of root\.$/m)
      assert.equal(code, 0)
    } finally {
      await host.files.remove(dataFolder)
    }
  })

  it('folders that everybody can make are not taken over from others', async () => {
    const folder = temporaryFolder(nobody)
    const mine = await host.files.status(folder)
    if (mine !== undefined) await host.files.rename(folder, `${folder}.kept`)
    try {
      await host.files.makeFolder(folder)
      const { code, stderr } = await person.start(['list'], { XDG_RUNTIME_DIR: '' }).ended
      assert.match(stderr, /^k8ts: Cannot use "\/tmp\/k8ts-65534": it belongs to user 0\n$/)
      assert.equal(code, 1)
      await host.files.remove(folder)
      assert.equal((await person.start(['list'], { XDG_RUNTIME_DIR: '' }).ended).code, 0)
      assert.deepEqual((await host.files.status(folder))?.mode, 0o700)
    } finally {
      await host.files.remove(folder)
      if (mine !== undefined) await host.files.rename(`${folder}.kept`, folder)
    }
  })

  it('a home that is not there is told', async () => {
    const { code, stderr } = await person.start(['list'], { HOME: '/nonexistent', XDG_CACHE_HOME: '' }).ended
    assert.match(
      stderr,
      /^k8ts: no place to keep the program: EACCES.*; set HOME or XDG_CACHE_HOME to a folder of yours\n$/,
    )
    assert.equal(code, 1)
  })

  it('a busy port is named, and nothing is left of the attempt', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    try {
      const { code, stderr } = await person.k8ts(
        'up',
        'f-user',
        '--simulated-nodes',
        '1',
        '--api-server-port',
        String(port),
      )
      assert.match(stderr, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: the address is in use`))
      assert.match(stderr, /--api-server-port/)
      assert.equal(code, 1)
      assert.equal((await person.k8ts('down', 'f-user')).code, 0)
      assert.equal((await person.k8ts('inventory', 'f-user')).code, 0)
    } finally {
      server.close()
    }
  })

  it('a cluster of simulated nodes comes, stays, stops, goes on and goes', async () => {
    const port = String(20_000 + (process.pid % 10_000))
    const flags = ['--simulated-nodes', '2', '--api-server-port', port]
    assert.match(await person.must('up', 'f-user', ...flags), /is ready .*2 simulated nodes/)
    await person.must('up', 'f-user')
    const other = await person.k8ts('up', 'f-user', '--simulated-nodes', '3')
    assert.match(other.stderr, /exists with simulatedNodes 2, not 3; "k8ts down f-user" removes it first/)
    assert.equal(other.code, 2)
    assert.match(await person.must('status', 'f-user'), /ready/)
    await person.must('stop', 'f-user')
    assert.equal((await person.k8ts('status', 'f-user')).code, 1)
    await person.must('stop', 'f-user')
    // As after an "up" that was killed early.
    const data = join(person.home, '.local/share/k8ts/f-user')
    await host.files.remove(join(data, 'admin.kubeconfig'))
    for (const word of ['status', 'kubeconfig']) {
      const { code, stderr } = await person.k8ts(word, 'f-user')
      assert.match(stderr, /cluster "f-user" was never whole: "k8ts up f-user" goes on with it, "k8ts down f-user"/)
      assert.equal(code, 1)
    }
    await person.must('start', 'f-user')
    await host.files.write(join(data, 'cluster.json'), '{ "config":')
    assert.match(await person.must('list'), /^f-user +broken /m)
    const broken = await person.k8ts('status', 'f-user')
    assert.match(broken.stderr, /cluster\.json does not describe cluster "f-user" any more; "k8ts down f-user" takes/)
    assert.equal(broken.code, 1)
    assert.notEqual((await person.k8ts('inventory', 'f-user')).code, 0)
    await person.must('down', 'f-user')
    await person.must('down', 'f-user')
    assert.match(await person.must('inventory', 'f-user'), /^processes: 0$/m)
    assert.doesNotMatch((await host.files.readText(person.kubeconfig))!, /f-user/)
    // What a "down" that was killed has left is no part of another cluster.
    for (const name of ['certificates/authority.crt', 'store/store.db', 'removed.json']) {
      await host.files.makeFolder(dirname(join(data, name)))
      await host.files.write(join(data, name), 'half')
    }
    for (const name of ['certificates', 'store', '']) await host.files.setOwner(join(data, name), nobody, nobody)
    assert.match((await person.k8ts('inventory', 'f-user')).stdout, /removed\.json/)
    await person.must('up', 'f-user', ...flags)
    await person.must('down', 'f-user')
    assert.equal(await host.files.status(data), undefined)
  })

  it('a cluster in the foreground is there until the command is interrupted', async () => {
    const port = String(20_000 + (process.pid % 10_000))
    const flags = ['--simulated-nodes', '1', '--api-server-port', port, '--foreground']
    const { child, ended } = person.start(['up', 'f-user', ...flags])
    const ready = new Promise<void>((resolve) =>
      child.stdout!.on('data', (said: Buffer) => said.includes('is ready') && resolve()),
    )
    await Promise.race([ready, ended])
    await person.must('status', 'f-user')
    assert.equal(child.exitCode, null, 'it stays')
    child.kill('SIGINT')
    const { code, stderr } = await ended
    assert.match(stderr, /Stopping +\d/)
    assert.equal(code, 0)
    assert.match((await person.k8ts('status', 'f-user')).stdout, /control-plane +stopped/)
    await person.must('down', 'f-user')
  })

  it('a cluster keeps the audit log that its file asks for; what cannot be used is told before anything is made', async () => {
    const at = (name: string): string => join(person.home, name)
    const policy = (level: string): Promise<void> =>
      host.files.write(at('policy.yaml'), `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: ${level} }]\n`)
    await host.files.write(
      at('cluster.yaml'),
      JSON.stringify({
        simulatedNodes: 1,
        apiServerPort: 20_000 + (process.pid % 10_000),
        audit: { policyFile: at('policy.yaml'), log: { path: at('audit.log') } },
      }),
    )
    await policy('Loud')
    const { code, stderr } = await person.k8ts('up', 'f-user', '--config', at('cluster.yaml'))
    assert.match(stderr, /policy\.yaml:3: rules\[0\]\.level is "Loud"; it must be one of "None", "Metadata"/)
    assert.equal(code, 2)
    assert.equal((await person.k8ts('inventory', 'f-user')).code, 0)
    await policy('Metadata')
    await person.must('up', 'f-user', '--config', at('cluster.yaml'))
    await person.must('stop', 'f-user')
    const lines = (await host.files.readText(at('audit.log'), 64 * 1024 * 1024))!.trimEnd().split('\n')
    const users = lines.map((line) => (JSON.parse(line) as { user: { username: string } }).user.username)
    assert.ok(users.includes('kubernetes-admin'), `${lines.length} events`)
    await person.must('down', 'f-user')
  })

  it('a context of the same name that is not ours is left alone', async () => {
    const text = `apiVersion: v1
kind: Config
clusters:
- name: k8ts-f-user
  cluster:
    server: https://work.example.com:6443
contexts:
- name: k8ts-f-user
  context:
    cluster: k8ts-f-user
    user: k8ts-f-user
users:
- name: k8ts-f-user
  user:
    token: secret
current-context: k8ts-f-user
`
    await host.files.write(person.kubeconfig, text, { uid: nobody, gid: nobody })
    const { code, stderr } = await person.k8ts('up', 'f-user', '--simulated-nodes', '1')
    assert.match(stderr, /has a context "k8ts-f-user" that belongs to another cluster; rename it/)
    assert.equal(code, 1)
    assert.equal((await person.k8ts('down', 'f-user')).code, 0)
    assert.equal(await host.files.readText(person.kubeconfig), text)
    assert.equal((await person.k8ts('inventory', 'f-user')).code, 0)
  })

  it('many at once all get their context', async () => {
    await host.files.remove(person.kubeconfig)
    const names = ['f-user1', 'f-user2', 'f-user3']
    const first = 30_000 + (process.pid % 10_000)
    await Promise.all(
      names.map((name, index) =>
        person.must('up', name, '--simulated-nodes', '1', '--api-server-port', String(first + index)),
      ),
    )
    const text = (await host.files.readText(person.kubeconfig))!
    for (const name of names) assert.match(text, new RegExp(`name: k8ts-${name}$`, 'm'))
    await Promise.all(names.map((name) => person.must('down', name)))
    assert.doesNotMatch((await host.files.readText(person.kubeconfig))!, /f-user/)
  })

  it('a kubeconfig that cannot be written is told before there is a cluster, and does not keep one from going', async () => {
    const folder = join(person.home, 'closed')
    const environment = { KUBECONFIG: join(folder, 'config') }
    await host.files.makeFolder(folder)
    const up = ['up', 'f-user', '--simulated-nodes', '1', '--api-server-port', String(20_000 + (process.pid % 10_000))]
    const refused = await person.start(up, environment).ended
    assert.match(refused.stderr, /cannot write .*\/closed\/config, where the context goes .*EACCES/)
    assert.deepEqual([refused.code, (await person.k8ts('inventory', 'f-user')).code], [1, 0])
    await host.files.setOwner(folder, nobody, nobody)
    assert.equal((await person.start(up, environment).ended).code, 0)
    await host.files.setOwner(folder, 0, 0)
    const down = await person.k8ts('down', 'f-user')
    assert.match(
      down.stderr,
      /the cluster is gone, but its context is still .*"kubectl config delete-context k8ts-f-user"/,
    )
    assert.deepEqual([down.code, (await person.k8ts('inventory', 'f-user')).code], [1, 0])
  })

  it('a kubeconfig that cannot be read is not overwritten', async () => {
    await host.files.write(person.kubeconfig, 'clusters: [\n', { uid: nobody, gid: nobody })
    const { code, stderr } = await person.k8ts('up', 'f-user', '--simulated-nodes', '1')
    assert.match(stderr, /cannot read .*kubeconfig: /)
    assert.equal(code, 1)
    assert.equal(await host.files.readText(person.kubeconfig), 'clusters: [\n')
  })
})
