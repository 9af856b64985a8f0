/** HAProxy's runtime interface: commands over a unix socket. */
import { connect } from 'node:net'
import { expectedAnswer } from './changes.ts'
import type { Command, MapChange } from './changes.ts'
import { renderMap } from './configuration.ts'

/** One exchange carries no more than this; HAProxy takes twice as much. */
const mostBytes = 15_000
const silenceMs = 10_000
const longestAnswer = 8 * 1024 * 1024

/** Sends text and returns everything that is answered. Rejects when nobody listens or the answer does not end. */
export function exchange(socketPath: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(socketPath)
    socket.setEncoding('utf8')
    socket.setTimeout(silenceMs, () => socket.destroy(new Error(`HAProxy did not answer for ${silenceMs / 1000} s`)))
    socket.on('data', (piece: string) => {
      answer += piece
      if (answer.length > longestAnswer) socket.destroy(new Error('HAProxy answers without end'))
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.end(text)
  })
}

/** Runs commands in their order; rejects at the first that is not answered as expected. */
export async function runCommands(socketPath: string, commands: readonly Command[]): Promise<void> {
  let batch: Command[] = []
  let size = 0
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    const told = batch
    batch = []
    size = 0
    const text = `${told.map(({ line }) => line).join(';')}\n`
    const wanted = told.flatMap((command) => (command.answer === undefined ? [] : [command.answer]))
    const lines = (await exchange(socketPath, text)).split('\n').filter((line) => line.trim() !== '')
    for (const [at, line] of lines.entries())
      if (wanted[at]?.test(line) !== true) throw new Error(`HAProxy says "${line}" to "${shorten(text)}"`)
    if (lines.length < wanted.length) throw new Error(`HAProxy says nothing to a part of "${shorten(text)}"`)
  }
  for (const command of commands) {
    if (command.payload !== undefined || command.alone === true) {
      await flush()
      await runOne(socketPath, command)
      continue
    }
    if (size + command.line.length > mostBytes) await flush()
    batch.push(command)
    size += command.line.length + 1
  }
  await flush()
}

async function runOne(socketPath: string, command: Command): Promise<string> {
  const { line, payload } = command
  const text =
    payload === undefined ? `${line}\n` : `${line} <<\n${payload.endsWith('\n') ? payload : `${payload}\n`}\n`
  const answer = (await exchange(socketPath, text)).trim()
  if (!expectedAnswer(command).test(answer)) throw new Error(`HAProxy says "${shorten(answer)}" to "${shorten(line)}"`)
  return answer
}

const shorten = (text: string): string => (text.length > 200 ? `${text.slice(0, 197).trim()}...` : text.trim())

/** Replaces what a map says: requests see the whole old one or the whole new one. */
export async function replaceMap(socketPath: string, folder: string, change: MapChange): Promise<void> {
  if (change.commands !== undefined) return runCommands(socketPath, change.commands)
  const path = `${folder}/${change.file}`
  const answer = await runOne(socketPath, { line: `prepare map ${path}`, answer: /^New version created: \d+$/ })
  const version = /\d+$/.exec(answer)![0]
  let payload = ''
  const flush = async (): Promise<void> => {
    if (payload === '') return
    await runOne(socketPath, { line: `add map @${version} ${path}`, payload })
    payload = ''
  }
  for (const entry of change.entries) {
    const line = renderMap([entry])
    if (payload.length + line.length > mostBytes) await flush()
    payload += line
  }
  await flush()
  await runOne(socketPath, { line: `commit map @${version} ${path}` })
}
