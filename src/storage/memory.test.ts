import { openMemoryStore } from './memory.ts'
import { describeStore } from './storeContract.ts'

describeStore('memory', async (options) => openMemoryStore(options))
