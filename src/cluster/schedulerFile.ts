// The KubeSchedulerConfiguration of a cluster and the files that it names.
import type { Files } from '#lib/host/files.ts'
import type { ClientTls } from '#lib/http/client.ts'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import {
  readSchedulerConfiguration,
  type ExtenderConfiguration,
  type SchedulerConfiguration,
} from '#scheduler/configuration/read.ts'
import type { SchedulerOptions } from '#scheduler/scheduler.ts'

/** What the file comes to, for a scheduler. */
export interface SchedulerFile extends Required<Pick<SchedulerOptions, 'extenderTls'>> {
  readonly configuration: SchedulerConfiguration
}

/** Reads the file at `path` and those that it names. Throws SettingsError. */
export async function readSchedulerFile(files: Pick<Files, 'readText'>, path: string): Promise<SchedulerFile> {
  const text = await files.readText(path)
  if (text === undefined) throw new SettingsError(`${path}: there is no such file`)
  const configuration = readSchedulerConfiguration(text, path)
  const extenderTls = await Promise.all(
    configuration.extenders.map((extender, i) =>
      tlsOf(extender, async (file, setting) => {
        const pem = await files.readText(file)
        if (pem !== undefined) return pem
        throw new SettingsError(`${path}: extenders[${i}].tlsConfig.${setting} is "${file}"; there is no such file`)
      }),
    ),
  )
  return { configuration, extenderTls }
}

async function tlsOf(
  { tlsConfig, enableHTTPS }: ExtenderConfiguration,
  readFile: (path: string, setting: string) => Promise<string>,
): Promise<ClientTls> {
  const { caFile, caData, certFile, certData, keyFile, keyData, insecure = false, serverName } = tlsConfig ?? {}
  const pem = async (
    data: string | undefined,
    file: string | undefined,
    setting: string,
  ): Promise<string | undefined> => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8')
    return file === undefined ? undefined : readFile(file, setting)
  }
  const authority = await pem(caData, caFile, 'caFile')
  const certificate = await pem(certData, certFile, 'certFile')
  const key = await pem(keyData, keyFile, 'keyFile')
  return {
    ...(authority === undefined ? {} : { authority }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
    // As Kubernetes has it: whoever asks for HTTPS and names no authority trusts any server.
    ...(insecure || (enableHTTPS && authority === undefined) ? { insecure: true } : {}),
  }
}
