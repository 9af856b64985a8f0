/** The thread that checks passwords whose hashes take long. */
import { parentPort } from 'node:worker_threads'
import { compareSync } from 'bcryptjs'
import type { SlowAnswer, SlowQuestion } from './slowPasswords.ts'

const port = parentPort!
port.on('message', ({ number, password, hash }: SlowQuestion) => {
  port.postMessage({ number, isRight: compareSync(password, hash) } satisfies SlowAnswer)
})
