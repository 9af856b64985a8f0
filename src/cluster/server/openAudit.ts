import { dirname, resolve } from 'node:path'
import { connectionOf, parseKubeconfig, withFilesFrom } from '#client/kubeconfig.ts'
import { untilAborted } from '#lib/async/abort.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { messageOf } from '#lib/errorText.ts'
import { HttpClient } from '#lib/http/client.ts'
import type { Logger } from '#lib/log.ts'
import { RotatingFile } from '#lib/rotatingFile.ts'
import { readSettings, SettingsError } from '#lib/settings/settingsFile.ts'
import type { AuditOptions, AuditSink } from '#server/audit/audit.ts'
import { logSink } from '#server/audit/logSink.ts'
import { auditPolicySettings } from '#server/audit/policy.ts'
import { webhookSink } from '#server/audit/webhookSink.ts'
import type { ReadFile } from './credentials.ts'
import type { ServerSettings } from './settings.ts'

type AuditSettings = NonNullable<ServerSettings['audit']>

/** The audit log of a server, and the part of its process that keeps it. */
export interface OpenAudit {
  readonly options: AuditOptions
  /** Ends after everything that could be noted; writes and sends what is left. */
  readonly component: Component
}

const megabyte = 1024 * 1024
const day = 24 * 3_600_000
const mostAnswer = 64 * 1024

const readPolicy = async ({ policyFile }: AuditSettings, readFile: ReadFile) =>
  readSettings(auditPolicySettings, await readFile(policyFile, 'audit.policyFile'), policyFile)

/** Rejects with SettingsError where a file that the settings name cannot be used. */
export async function checkAuditFiles(settings: AuditSettings, readFile: ReadFile): Promise<void> {
  await readPolicy(settings, readFile)
  if (settings.webhook !== undefined) (await webhookClient(settings.webhook.configFile, readFile)).client.close()
}

/** Reads the policy and opens what events go to. Rejects with SettingsError. */
export async function openAudit(
  settings: AuditSettings,
  readFile: ReadFile,
  clock: Clock,
  log: Logger,
): Promise<OpenAudit> {
  const policy = await readPolicy(settings, readFile)
  const report = (problem: string): void => log.error('The audit log is not whole', { problem })
  const sinks: AuditSink[] = []
  const runs: ((signal: AbortSignal) => Promise<void>)[] = []
  if (settings.log !== undefined) {
    const file = openFile(settings.log, clock)
    const sink = logSink(file, report)
    sinks.push(sink)
    runs.push(async (signal) => {
      await untilAborted(signal)
      sink[Symbol.dispose]()
      file.close()
    })
  }
  if (settings.webhook !== undefined) {
    const { configFile, ...batches } = settings.webhook
    const { client, path } = await webhookClient(configFile, readFile)
    const post = async (body: string, signal: AbortSignal): Promise<void> => {
      const headers = { 'content-type': 'application/json' }
      const response = await client.request({ method: 'POST', path, headers, body, signal })
      await response.readBody(mostAnswer)
      if (response.status >= 300) throw new Error(`the server answered ${response.status}`)
    }
    const sink = webhookSink({ ...batches, clock, post, report })
    sinks.push(sink)
    runs.push(async (signal) => {
      await sink.run(signal)
      client.close()
    })
  }
  return {
    options: { policy, sinks },
    component: {
      name: 'audit',
      async run(ready, signal) {
        ready()
        await Promise.all(runs.map((run) => run(signal)))
      },
    },
  }
}

function openFile(
  { path, largestMegabytes, mostFiles, mostDays }: NonNullable<AuditSettings['log']>,
  clock: Clock,
): { write(text: string): void; close(): void } {
  if (path === '-') return { write: (text) => void process.stdout.write(text), close: () => undefined }
  try {
    return new RotatingFile({
      path,
      clock,
      largestBytes: largestMegabytes * megabyte,
      mostFiles,
      longestAge: mostDays * day,
    })
  } catch (error) {
    throw new SettingsError(`audit.log.path: cannot write ${path}: ${messageOf(error)}`)
  }
}

async function webhookClient(
  configFile: string,
  readFile: ReadFile,
): Promise<{ readonly client: HttpClient; readonly path: string }> {
  const setting = 'audit.webhook.configFile'
  const text = await readFile(configFile, setting)
  try {
    const config = withFilesFrom(parseKubeconfig(text, configFile), (file) => resolve(dirname(configFile), file))
    const { options } = await connectionOf(config, (file) => readFile(file, setting))
    const { url, tls, token } = options
    const { origin, pathname, search } = new URL(url)
    const client = new HttpClient({
      url: origin,
      ...(tls === undefined ? {} : { tls }),
      ...(token === undefined ? {} : { token }),
      userAgent: 'k8ts-audit',
    })
    return { client, path: `${pathname}${search}` }
  } catch (error) {
    if (error instanceof SettingsError) throw error
    throw new SettingsError(`${setting}: ${configFile}: ${messageOf(error)}`)
  }
}
